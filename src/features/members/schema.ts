import { Type } from 'typebox'
import { RoleNames } from '../../kernel/rest/role-names.js'
import { Nullable, strictObject, TenantParams, Uuid } from '../../kernel/rest/schemas.js'

export const MemberParams = strictObject({ ...TenantParams.properties, user_id: Uuid })

export const Member = Type.Object(
  {
    user_id: Type.String(),
    email: Nullable(Type.String({ description: 'null until the user accepts the membership.' })),
    name: Nullable(Type.String({ description: 'null until the user accepts the membership.' })),
    state: Type.Enum(['active', 'pending', 'disabled'], {
      description: 'pending: the user has not accepted the membership yet. It gives no right.',
    }),
    roles: Type.Array(Type.String()),
    created_at: Type.String(),
  },
  { $id: 'Member' },
)

/** By id only. The response for an email would tell anybody who may make a tenant whether that email has a user. */
export const NewMember = strictObject({ user_id: Uuid, roles: RoleNames })

export const MemberChange = strictObject(
  {
    roles: Type.Optional(RoleNames),
    state: Type.Optional(Type.Enum(['active', 'disabled'])),
  },
  { minProperties: 1 },
)
