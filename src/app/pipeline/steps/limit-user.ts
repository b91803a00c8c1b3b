import { tryConsume } from '../../../kernel/limits/limiter.js'
import { required } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'

/** Spends the budget of a user. On routes with a tenant key, the budgets of the key and of the tenant count instead. */
export const limitUser: Step<'rate_limited'> = ({ limiter }, { findings }, reply) =>
  tryConsume(limiter, reply, 'user', required(findings.principal).id)
