import { spend } from '../limits/limiter.js'
import { budgetsOf } from '../limits/spending.js'
import { found } from './findings.js'
import type { Step } from './gate.js'

/** The budgets of the key and of the tenant. Good credentials over their budget are 429, never 401. */
export const limitTenant: Step = async ({ limiter }, request, reply) => {
  const { tenant, key } = request.findings
  for (const { name, counted_by, size } of budgetsOf(limiter, found(tenant), found(key))) {
    await spend(limiter, reply, name, counted_by, size)
  }
}
