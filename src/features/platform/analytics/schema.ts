import { Type } from 'typebox'
import { Instant, strictObject } from '../../../kernel/rest/schemas.js'

export const SpanQuery = strictObject({ from: Type.Optional(Instant), to: Type.Optional(Instant) })

export const Overview = Type.Object({
  tenants: Type.Integer(),
  suspended: Type.Integer(),
  trials_over: Type.Integer(),
  users: Type.Integer(),
  users_disabled: Type.Integer(),
  last_day: Type.Object({
    requests: Type.Integer(),
    refusals: Type.Integer(),
    active_tenants: Type.Integer(),
  }),
})

export const BusiestTenants = Type.Object({
  from: Type.String(),
  to: Type.String(),
  data: Type.Array(
    Type.Object({
      tenant_id: Type.String(),
      name: Type.String(),
      members: Type.Integer(),
      requests: Type.Integer(),
      refusals: Type.Integer(),
    }),
  ),
})

export const Growth = Type.Object({
  from: Type.String(),
  to: Type.String(),
  data: Type.Array(Type.Object({ day: Type.String(), tenants: Type.Integer(), users: Type.Integer() })),
})
