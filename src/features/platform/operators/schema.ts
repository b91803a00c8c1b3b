import { Type } from 'typebox'
import { ALL_PRIVILEGES } from '../../../contract/scopes.js'
import { Nullable, strictObject, Uuid } from '../../../kernel/rest/schemas.js'

export const OperatorParams = strictObject({ user_id: Uuid })

export const Appointment = strictObject({
  privileges: Type.Array(Type.Enum(ALL_PRIVILEGES), { minItems: 1, uniqueItems: true }),
})

export const Operator = Type.Object(
  {
    user_id: Type.String(),
    email: Nullable(Type.String({ description: 'Null until the user accepts.' })),
    name: Nullable(Type.String({ description: 'Null until the user accepts.' })),
    state: Type.String({
      description: 'active, or pending until the user accepts. A pending operator may do nothing.',
    }),
    privileges: Type.Array(Type.String()),
    created_at: Type.String(),
  },
  { $id: 'Operator' },
)
