import { tryConsume } from '../../../kernel/limits/limiter.js'
import { required } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'

/** Spends the budget of an operator. */
export const limitOperator: Step<'rate_limited'> = ({ limiter }, { findings }, reply) =>
  tryConsume(limiter, reply, 'operator', required(findings.principal).id)
