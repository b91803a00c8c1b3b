import { type Static, Type } from 'typebox'
import type { UserRecord } from '../../../kernel/identity/user-record.js'
import type { RoleFact } from '../../../kernel/permissions/roles.js'
import { PageQuery } from '../../../kernel/rest/pagination.js'
import { Email, Name, Nullable, OptionalReason, strictObject, Uuid } from '../../../kernel/rest/schemas.js'
import { searchIn } from '../../../kernel/rest/search.js'

export const UserQuery = strictObject({
  ...PageQuery,
  ...searchIn('email or name'),
  email: Type.Optional(
    Type.String({ format: 'email', maxLength: 254, description: 'The user with exactly this email, ignoring case.' }),
  ),
})

export const UserParams = strictObject({ id: Uuid })

export const DisablingReason = OptionalReason('Why the user is disabled. The audit keeps it.')

export const NewUser = strictObject({
  email: Email,
  name: Name,
  password: Type.String({ minLength: 1, maxLength: 512 }),
})

export const User = Type.Object(
  {
    id: Type.String(),
    email: Type.String(),
    name: Type.String(),
    email_verified_at: Nullable(Type.String()),
    disabled_at: Nullable(Type.String()),
    created_at: Type.String(),
  },
  { $id: 'User' },
)

export const UserWithMemberships = Type.Object({
  ...User.properties,
  memberships: Type.Array(
    Type.Object({
      tenant: Type.Object({ id: Type.String(), name: Type.String() }),
      state: Type.String(),
      roles: Type.Array(Type.String()),
    }),
  ),
})

interface MembershipRecord {
  readonly tenant_id: string
  readonly tenant_name: string
  readonly state: string
  readonly roles: readonly RoleFact[]
}

/** A user with their memberships. What the roles of a membership hold is the tenant's to see, so only names are shown. */
export function toResponse(
  user: UserRecord,
  memberships: readonly MembershipRecord[],
): Static<typeof UserWithMemberships> {
  return {
    ...user,
    memberships: memberships.map(({ tenant_id, tenant_name, state, roles }) => ({
      tenant: { id: tenant_id, name: tenant_name },
      state,
      roles: roles.map((role) => role.name),
    })),
  }
}
