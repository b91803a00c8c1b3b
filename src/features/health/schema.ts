import { Type } from 'typebox'

export const Liveness = Type.Object({ status: Type.String() })
export const Readiness = Type.Object({
  status: Type.Enum(['ready', 'not_ready']),
  checks: Type.Object({
    database: Type.Enum(['ok', 'failing']),
    migrations: Type.Enum(['ok', 'pending', 'unknown']),
    draining: Type.Boolean(),
    lease: Type.Enum(['valid', 'none']),
  }),
})
