import type { BudgetName } from '../limits/budgets.js'
import type { Limiter, Size } from '../limits/limiter.js'
import type { KeyFact, TenantFact } from './facts.js'

export interface CallerBudget {
  readonly name: BudgetName
  readonly key: string
  readonly size: Size
}

/** The budgets that a request of a tenant spends, in the order in which they are asked: the key's and the tenant's. */
export function budgetsOf(limiter: Limiter, tenant: TenantFact, key: KeyFact): CallerBudget[] {
  const of_key = perMinute(key.requests_per_minute) ?? limiter.size('key')
  const of_tenant = perMinute(tenant.requests_per_minute) ?? limiter.size('tenant')
  const tenant_use: CallerBudget = { name: 'tenant', key: tenant.id, size: of_tenant }
  if (of_key.quota === 0) return [tenant_use]
  return [{ name: 'key', key: `${tenant.id}:${key.id}`, size: of_key }, tenant_use]
}

/** What is left of every budget that holds a caller, without spending any. */
export async function budgetsLeft(limiter: Limiter, tenant: TenantFact, key: KeyFact, address: string) {
  const uses = [
    { name: 'address' as const, key: address, size: limiter.size('address') },
    ...budgetsOf(limiter, tenant, key),
  ]
  return Promise.all(
    uses.map(async ({ name, key, size }) => {
      const { quota, window_seconds, remaining, reset_seconds } = await limiter.look(name, key, size)
      return { name, quota, window_seconds, remaining, reset_seconds }
    }),
  )
}

function perMinute(quota: number | null): Size | undefined {
  return quota === null ? undefined : { quota, window_seconds: 60 }
}
