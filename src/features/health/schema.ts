import { Type } from 'typebox'
import { BUDGET_STATES, REDIS_STATES } from '../../kernel/limits/sharing-state.js'

export const Liveness = Type.Object({ status: Type.String() })
export const Readiness = Type.Object({
  status: Type.Enum(['ready', 'not_ready']),
  checks: Type.Object({
    database: Type.Enum(['ok', 'failing']),
    migrations: Type.Enum(['ok', 'pending', 'unknown']),
    draining: Type.Boolean(),
    lease: Type.Enum(['valid', 'none']),
    replicas: Type.Integer(),
    redis: Type.Enum(REDIS_STATES),
    budgets: Type.Enum(BUDGET_STATES),
  }),
})
