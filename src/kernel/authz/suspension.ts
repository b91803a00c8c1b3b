import { and, isNull, not, or, type SQL, sql } from 'drizzle-orm'
import { tenants } from '../identity/tenants-table.js'
import type { TenantFact } from './facts.js'

/** What the rule asks of a tenant. */
type Suspension = Pick<TenantFact, 'trial_ends_at' | 'suspended_at' | 'suspended_until'>

/**
 * Whether the tenant may not act now: suspended without end or until later, or its trial is over. The SQL below is the
 * same rule, for statements that look for tenants; a property test compares the two.
 */
export function isSuspended({ trial_ends_at, suspended_at, suspended_until }: Suspension, now_ms: number): boolean {
  if (trial_ends_at !== null && Date.parse(trial_ends_at) <= now_ms) return true
  if (suspended_at === null) return false
  return suspended_until === null || Date.parse(suspended_until) > now_ms
}

/** SQL for tenants whose trial is over; never null. */
export function trialIsOver(now: string): SQL<boolean> {
  return sql<boolean>`(${tenants.trial_ends_at} is not null and ${tenants.trial_ends_at} <= ${now}::timestamptz)`
}

/** SQL for tenants that an operator has suspended, without end or until later; never null. */
export function suspensionHolds(now: string): SQL<boolean> {
  return sql<boolean>`(${tenants.suspended_at} is not null
    and (${tenants.suspended_until} is null or ${tenants.suspended_until} > ${now}::timestamptz))`
}

/** SQL for active tenants: they exist, and `isSuspended` is false for them. */
export function isActiveTenant(now: string): SQL<boolean> {
  return and(isNull(tenants.deleted_at), not(or(trialIsOver(now), suspensionHolds(now)) as SQL)) as SQL<boolean>
}
