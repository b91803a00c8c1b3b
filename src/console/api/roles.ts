import { useQuery } from '@tanstack/react-query'
import { api, bodyOf } from './client'
import { allPages } from './pages'
import type { paths } from './schema'
import { asScopes } from './scope'

type RolePath = '/v1/tenants/{tenant_id}/roles/{role_id}'
export type Role = paths[RolePath]['get']['responses'][200]['content']['application/json']
/** Which members would gain and lose what. */
export type Effects = paths[RolePath]['delete']['responses'][200]['content']['application/json']['members']

/** What a form says about a role. */
export interface RoleDraft {
  readonly name: string
  readonly scopes: readonly string[]
}

/** Every role of a tenant. */
export function useRoles(tenant_id: string) {
  return useQuery({
    queryKey: ['roles', tenant_id],
    queryFn: () =>
      allPages((query) => bodyOf(api.GET('/v1/tenants/{tenant_id}/roles', { params: { path: { tenant_id }, query } }))),
  })
}

/** The header that lets a change pass only if the role is still the one that the user saw. */
function ifMatch({ version }: Role) {
  return { 'If-Match': `"${version}"` }
}

/** What a change would do to members. Changes nothing. */
export async function previewUpdate(tenant_id: string, role: Role, { name, scopes }: RoleDraft): Promise<Effects> {
  const answer = await bodyOf(
    api.PATCH('/v1/tenants/{tenant_id}/roles/{role_id}', {
      params: { path: { tenant_id, role_id: role.id }, query: { dry_run: 'true' } },
      body: { name, scopes: asScopes(scopes) },
    }),
  )
  return 'members' in answer ? answer.members : []
}

export async function previewDeletion(tenant_id: string, role: Role): Promise<Effects> {
  const { members } = await bodyOf(
    api.DELETE('/v1/tenants/{tenant_id}/roles/{role_id}', {
      params: { path: { tenant_id, role_id: role.id }, query: { dry_run: 'true' } },
    }),
  )
  return members
}

export function updateRole(tenant_id: string, role: Role, { name, scopes }: RoleDraft) {
  return api.PATCH('/v1/tenants/{tenant_id}/roles/{role_id}', {
    params: { path: { tenant_id, role_id: role.id } },
    headers: ifMatch(role),
    body: { name, scopes: asScopes(scopes) },
  })
}

export function deleteRole(tenant_id: string, role: Role) {
  return api.DELETE('/v1/tenants/{tenant_id}/roles/{role_id}', {
    params: { path: { tenant_id, role_id: role.id } },
    headers: ifMatch(role),
  })
}
