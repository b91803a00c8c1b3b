import { Type } from 'typebox'

export const CataloguedScope = Type.Object({
  scope: Type.String(),
  meaning: Type.String(),
  is_known: Type.Boolean({
    description: 'false: a role lists this scope, but the gateway no longer declares it. It grants nothing.',
  }),
  routes: Type.Array(Type.String()),
  roles: Type.Array(Type.String()),
})
