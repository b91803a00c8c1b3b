import type { BudgetName } from '../limits/budgets.js'
import type { Limiter, Size } from '../limits/limiter.js'
import type { KeyFact, TenantFact } from './facts.js'

export interface BudgetUse {
  readonly name: BudgetName
  readonly counted_by: string
  readonly size: Size
}

/** The budgets that a request of a tenant spends, in the order in which they are asked: the key's and the tenant's. */
export function budgetsOf(limiter: Limiter, tenant: TenantFact, key: KeyFact): BudgetUse[] {
  const of_key = perMinute(key.requests_per_minute) ?? limiter.size('key')
  const of_tenant = perMinute(tenant.requests_per_minute) ?? limiter.size('tenant')
  const tenant_use: BudgetUse = { name: 'tenant', counted_by: tenant.id, size: of_tenant }
  if (of_key.quota === 0) return [tenant_use]
  return [{ name: 'key', counted_by: `${tenant.id}:${key.id}`, size: of_key }, tenant_use]
}

/** What is left of every budget that holds a caller, without spending any. */
export async function budgetsLeft(limiter: Limiter, tenant: TenantFact, key: KeyFact, address: string) {
  const uses = [
    { name: 'address' as const, counted_by: address, size: limiter.size('address') },
    ...budgetsOf(limiter, tenant, key),
  ]
  return Promise.all(
    uses.map(async ({ name, counted_by, size }) => {
      const { quota, window_seconds, remaining, reset_seconds } = await limiter.look(name, counted_by, size)
      return { name, quota, window_seconds, remaining, reset_seconds }
    }),
  )
}

function perMinute(quota: number | null): Size | undefined {
  return quota === null ? undefined : { quota, window_seconds: 60 }
}
