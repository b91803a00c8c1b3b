import { useQuery } from '@tanstack/react-query'
import { api, bodyOf } from './client'
import { meQuery } from './me'
import { pageQuery } from './pages'
import type { paths } from './schema'

type Body<Path extends keyof paths> = paths[Path] extends {
  get: { responses: { 200: { content: { 'application/json': infer Content } } } }
}
  ? Content
  : never

export type PlatformTenant = Body<'/v1/platform/tenants/{id}'>
export type PlatformUser = Body<'/v1/platform/users/{id}'>
export type Operator = Body<'/v1/platform/operators'>['data'][number]

/** Returns a function that tells whether the user has a privilege. The gateway decides; this only hides what it would refuse. */
export function useMayOnPlatform(): (privilege: string) => boolean {
  const privileges = useQuery(meQuery).data?.privileges ?? []
  return (privilege) => privileges.includes(privilege)
}

export function usePlatformTenants(cursor: string | undefined) {
  return useQuery({
    queryKey: ['platform', 'tenants', 'list', cursor],
    queryFn: () => bodyOf(api.GET('/v1/platform/tenants', { params: { query: pageQuery(cursor) } })),
  })
}

export function usePlatformTenant(id: string) {
  return useQuery({
    queryKey: ['platform', 'tenants', id],
    queryFn: () => bodyOf(api.GET('/v1/platform/tenants/{id}', { params: { path: { id } } })),
  })
}

export function usePlatformUsers(cursor: string | undefined) {
  return useQuery({
    queryKey: ['platform', 'users', 'list', cursor],
    queryFn: () => bodyOf(api.GET('/v1/platform/users', { params: { query: pageQuery(cursor) } })),
  })
}

export function usePlatformUser(id: string) {
  return useQuery({
    queryKey: ['platform', 'users', id],
    queryFn: () => bodyOf(api.GET('/v1/platform/users/{id}', { params: { path: { id } } })),
  })
}

export type TenantState = 'active' | 'suspended' | 'trial over'

/** A suspension with an end is over at its end. */
export function stateOfTenant({ suspended_at, suspended_until, trial_ends_at }: PlatformTenant): TenantState {
  const is_over = suspended_until !== null && Date.parse(suspended_until) <= Date.now()
  if (suspended_at !== null && !is_over) return 'suspended'
  return trial_ends_at !== null && Date.parse(trial_ends_at) <= Date.now() ? 'trial over' : 'active'
}
