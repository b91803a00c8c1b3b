import { budgetsOf, type CallerBudget } from '../../../kernel/authz/caller-budgets.js'
import { tryConsume } from '../../../kernel/limits/limiter.js'
import { required } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'

/** Spends the budgets of the key and of the tenant. Valid credentials over their budget get 429, never 401. */
export const limitTenant: Step<'rate_limited'> = ({ limiter }, { findings }, reply) => {
  const budgets = budgetsOf(limiter, required(findings.tenant), required(findings.key))
  return consumeFrom(0)

  function consumeFrom(first: number): ReturnType<typeof tryConsume> {
    for (let position = first; position < budgets.length; position += 1) {
      const { name, key, size } = budgets[position] as CallerBudget
      const over = tryConsume(limiter, reply, name, key, size)
      if (over instanceof Promise) return over.then((problem) => problem ?? consumeFrom(position + 1))
      if (over !== undefined) return over
    }
    return undefined
  }
}
