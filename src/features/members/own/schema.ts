import { Type } from 'typebox'

export const AcceptedMembership = Type.Object({
  tenant: Type.Object({ id: Type.String(), name: Type.String() }),
  roles: Type.Array(Type.String()),
})
