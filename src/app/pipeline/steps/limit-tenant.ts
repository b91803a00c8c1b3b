import { budgetsOf } from '../../../kernel/authz/caller-budgets.js'
import { tryConsume } from '../../../kernel/limits/limiter.js'
import { required } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'

/** Spends the budgets of the key and of the tenant. Valid credentials over their budget get 429, never 401. */
export const limitTenant: Step<'rate_limited'> = async ({ limiter }, request, reply) => {
  const { tenant, key } = request.findings
  for (const budget of budgetsOf(limiter, required(tenant), required(key))) {
    const over = await tryConsume(limiter, reply, budget.name, budget.key, budget.size)
    if (over !== undefined) return over
  }
  return undefined
}
