import { type Static, Type } from 'typebox'
import { scopesOfRole } from '../../kernel/permissions/roles.js'
import type { ScopeCatalogue } from '../../kernel/permissions/scope-catalogue.js'
import { Line, ScopeName, strictObject, TenantParams, Uuid } from '../../kernel/rest/schemas.js'
import { HOLDERS_MAX, type RoleRecord } from './store.js'

export const RoleParams = strictObject({ ...TenantParams.properties, role_id: Uuid })
const RoleName = Line(60)
const Scopes = Type.Array(ScopeName, { uniqueItems: true, maxItems: 200 })

export const NewRole = strictObject({ name: RoleName, scopes: Scopes })
export const RoleChange = strictObject(
  { name: Type.Optional(RoleName), scopes: Type.Optional(Scopes) },
  { minProperties: 1 },
)

export const DryRunQuery = strictObject({
  dry_run: Type.Optional(
    Type.Enum(['true', 'false'], {
      description: 'true: return which members would gain and lose which scopes, and change nothing.',
    }),
  ),
})

export const Role = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    is_system: Type.Boolean(),
    scopes: Type.Array(Type.String()),
    version: Type.Integer(),
    created_at: Type.String(),
  },
  { $id: 'Role' },
)

const Effect = Type.Object({ scopes: Type.Array(Type.String()), routes: Type.Array(Type.String()) })
export const DryRun = Type.Object(
  {
    dry_run: Type.Literal(true),
    members: Type.Array(Type.Object({ user_id: Type.String(), email: Type.String(), gains: Effect, loses: Effect }), {
      description: `The affected members among the ${HOLDERS_MAX} newest members with the role.`,
    }),
  },
  { $id: 'RoleDryRun' },
)

export const RoleOrDryRun = Type.Union([Role, DryRun])

export function toResponse(role: RoleRecord, scopes: ScopeCatalogue): Static<typeof Role> {
  const { id, name, system_role, version, created_at } = role
  return { id, name, is_system: system_role !== null, scopes: [...scopesOfRole(role, scopes)], version, created_at }
}
