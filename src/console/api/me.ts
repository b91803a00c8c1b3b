import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, bodyOf } from './client'
import type { paths } from './schema'

export type Me = paths['/v1/me']['get']['responses'][200]['content']['application/json']
export type Membership = Me['memberships'][number]

/** The signed-in user with their tenants. Which pages the console offers depends on the scopes in it. */
export const meQuery = queryOptions({ queryKey: ['me'], queryFn: () => bodyOf(api.GET('/v1/me')) })

/** The membership of the user in a tenant. Undefined while it loads, and if there is none. */
export function useMembership(tenant_id: string | undefined): Membership | undefined {
  return useQuery(meQuery).data?.memberships.find(({ tenant }) => tenant.id === tenant_id)
}

/** Returns a function that tells whether the user holds a scope in a tenant. The gateway decides; this only hides buttons. */
export function useHolds(tenant_id: string | undefined): (scope: string) => boolean {
  const scopes = useMembership(tenant_id)?.scopes ?? []
  return (scope) => scopes.includes(scope)
}
