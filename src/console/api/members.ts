import { useQuery } from '@tanstack/react-query'
import { api, bodyOf } from './client'
import { allPages, pageQuery } from './pages'
import type { paths } from './schema'

type Body<Path extends keyof paths> = paths[Path] extends {
  get: { responses: { 200: { content: { 'application/json': infer Content } } } }
}
  ? Content
  : never

export type Member = Body<'/v1/tenants/{tenant_id}/members/{user_id}'>
export type Override = Body<'/v1/tenants/{tenant_id}/members/{user_id}/overrides'>['data'][number]
export type Invitation = Body<'/v1/tenants/{tenant_id}/invitations'>['data'][number]

/** One page of the members of a tenant. */
export function useMembers(tenant_id: string, cursor: string | undefined) {
  return useQuery({
    queryKey: ['members', tenant_id, 'list', cursor],
    queryFn: () =>
      bodyOf(api.GET('/v1/tenants/{tenant_id}/members', { params: { path: { tenant_id }, query: pageQuery(cursor) } })),
  })
}

export function useMember(tenant_id: string, user_id: string, enabled = true) {
  return useQuery({
    queryKey: ['members', tenant_id, user_id],
    queryFn: () =>
      bodyOf(api.GET('/v1/tenants/{tenant_id}/members/{user_id}', { params: { path: { tenant_id, user_id } } })),
    enabled,
  })
}

/** Every override of a member. */
export function useOverrides(tenant_id: string, user_id: string) {
  return useQuery({
    queryKey: ['members', tenant_id, user_id, 'overrides'],
    queryFn: () =>
      allPages((query) =>
        bodyOf(
          api.GET('/v1/tenants/{tenant_id}/members/{user_id}/overrides', {
            params: { path: { tenant_id, user_id }, query },
          }),
        ),
      ),
  })
}

/** One page of the invitations of a tenant. */
export function useInvitations(tenant_id: string, cursor: string | undefined) {
  return useQuery({
    queryKey: ['invitations', tenant_id, cursor],
    queryFn: () =>
      bodyOf(
        api.GET('/v1/tenants/{tenant_id}/invitations', { params: { path: { tenant_id }, query: pageQuery(cursor) } }),
      ),
  })
}

export type InvitationState = 'open' | 'accepted' | 'declined' | 'revoked' | 'expired'

export function stateOfInvitation({ accepted_at, declined_at, revoked_at, expires_at }: Invitation): InvitationState {
  if (accepted_at !== null) return 'accepted'
  if (declined_at !== null) return 'declined'
  if (revoked_at !== null) return 'revoked'
  return Date.parse(expires_at) <= Date.now() ? 'expired' : 'open'
}
