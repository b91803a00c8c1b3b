import { consume } from '../../../kernel/limits/limiter.js'
import { found } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'

/** The budget of an operator. */
export const limitOperator: Step<'rate_limited'> = ({ limiter }, { findings }, reply) =>
  consume(limiter, reply, 'operator', found(findings.principal).id)
