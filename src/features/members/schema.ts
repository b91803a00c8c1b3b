import { Type } from 'typebox'
import { RoleNames } from '../../kernel/rest/role-names.js'
import { Email, Nullable, strictObject, TenantParams, Uuid } from '../../kernel/rest/schemas.js'

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

export const NewMember = strictObject(
  { email: Type.Optional(Email), user_id: Type.Optional(Uuid), roles: RoleNames },
  {
    oneOf: [{ required: ['email'] }, { required: ['user_id'] }],
    description: 'The email or the user_id of an existing user.',
  },
)

export const MemberChange = strictObject(
  {
    roles: Type.Optional(RoleNames),
    state: Type.Optional(Type.Enum(['active', 'disabled'])),
  },
  { minProperties: 1 },
)
