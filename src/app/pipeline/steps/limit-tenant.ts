import { budgetsOf } from '../../../kernel/authz/spending.js'
import { consume } from '../../../kernel/limits/limiter.js'
import { required } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'

/** The budgets of the key and of the tenant. Good credentials over their budget are 429, never 401. */
export const limitTenant: Step<'rate_limited'> = async ({ limiter }, request, reply) => {
  const { tenant, key } = request.findings
  for (const { name, counted_by, size } of budgetsOf(limiter, required(tenant), required(key))) {
    const over = await consume(limiter, reply, name, counted_by, size)
    if (over !== undefined) return over
  }
  return undefined
}
