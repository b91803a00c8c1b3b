import { useQuery } from '@tanstack/react-query'
import { api, bodyOf } from './client'
import { pageQuery } from './pages'
import type { paths } from './schema'

export type Key = paths['/v1/tenants/{tenant_id}/keys/{key_id}']['get']['responses'][200]['content']['application/json']

/** One page of the keys of a tenant. */
export function useKeys(tenant_id: string, cursor: string | undefined) {
  return useQuery({
    queryKey: ['keys', tenant_id, 'list', cursor],
    queryFn: () =>
      bodyOf(api.GET('/v1/tenants/{tenant_id}/keys', { params: { path: { tenant_id }, query: pageQuery(cursor) } })),
  })
}

export function useKey(tenant_id: string, key_id: string, enabled = true) {
  return useQuery({
    queryKey: ['keys', tenant_id, key_id],
    queryFn: () =>
      bodyOf(api.GET('/v1/tenants/{tenant_id}/keys/{key_id}', { params: { path: { tenant_id, key_id } } })),
    enabled,
  })
}

export type KeyState = 'active' | 'disabled' | 'expired' | 'revoked'

export function stateOfKey({ revoked_at, disabled_at, expires_at }: Key): KeyState {
  if (revoked_at !== null) return 'revoked'
  if (expires_at !== null && Date.parse(expires_at) <= Date.now()) return 'expired'
  return disabled_at === null ? 'active' : 'disabled'
}

/** When a secret of the key was last used. */
export function lastUseOf({ secrets }: Key): string | undefined {
  return secrets
    .map(({ last_used_at }) => last_used_at)
    .filter((at) => at !== null)
    .sort()
    .at(-1)
}
