import { and, count, eq, inArray, isNull, sql } from 'drizzle-orm'
import { suspensionHolds, trialIsOver } from '../../../kernel/authz/suspension.js'
import { endSessions } from '../../../kernel/identity/end-sessions.js'
import { tenant_keys } from '../../../kernel/identity/keys-table.js'
import { lockTenant } from '../../../kernel/identity/lock-tenant.js'
import { memberships } from '../../../kernel/identity/memberships-table.js'
import { type TenantRow, tenants } from '../../../kernel/identity/tenants-table.js'
import { sessions } from '../../../kernel/identity/users-table.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'
import { TenantsReader } from './store.js'

export interface PlanChange {
  readonly plan?: string
  readonly requests_per_minute?: number | null
  readonly trial_ends_at?: string | null
}

/** How much a lockdown ended. */
export interface Lockdown {
  readonly keys_revoked: number
  readonly sessions_ended: number
}

/** What operators do to a tenant beside suspending it. */
export class TenantControlWriter {
  constructor(private readonly scope: WriteScope) {}

  /** Changes plan and budgets; they hold from the next request. @throws Problem `not_found` */
  async changePlan(id: string, change: PlanChange): Promise<TenantRow> {
    const before = await new TenantsReader(this.scope).get(id)
    const [after] = await this.scope.queries.update(tenants).set(change).where(eq(tenants.id, id)).returning()
    const fields = Object.keys(change) as (keyof PlanChange)[]
    const pick = (row: TenantRow) => Object.fromEntries(fields.map((field) => [field, row[field]]))
    this.tell(id, { before: pick(before), after: pick(after as TenantRow) })
    return after as TenantRow
  }

  /**
   * Ends every key of a tenant and every session of its members in one transaction: for when it is not known what leaked.
   * Members who belong to other tenants too have to log in again there as well: a session is a user's, not a tenant's.
   *
   * @throws Problem `not_found`
   */
  async lockDown(id: string): Promise<Lockdown> {
    // Whoever makes a key holds the tenant: one that is being made now is ended too.
    await lockTenant(this.scope, id)
    await new TenantsReader(this.scope).get(id)
    const revoked = await this.scope.queries
      .update(tenant_keys)
      .set({ revoked_at: this.scope.now })
      .where(and(eq(tenant_keys.tenant_id, id), isNull(tenant_keys.revoked_at)))
      .returning({ id: tenant_keys.id })
    const members = this.scope.queries
      .select({ user_id: memberships.user_id })
      .from(memberships)
      .where(eq(memberships.tenant_id, id))
    const ended = await endSessions(this.scope, inArray(sessions.user_id, members), 'tenant_locked_down')
    const living = ended.filter(({ expires_at }) => expires_at > this.scope.now)
    const lockdown = { keys_revoked: revoked.length, sessions_ended: living.length }
    this.tell(id, { ...lockdown })
    return lockdown
  }

  private tell(id: string, changes: Record<string, unknown>): void {
    this.scope.changed({ kind: 'tenant', tenant_id: id, changes })
  }
}

/** How many tenants a platform has of each kind; shared by the overview and its test. */
export async function tenantCounts({ queries, now }: ReadScope) {
  const [row] = await queries
    .select({
      tenants: count(),
      suspended: sql<number>`count(*) filter (where ${suspensionHolds(now)})`.mapWith(Number),
      trials_over: sql<number>`count(*) filter (where ${trialIsOver(now)})`.mapWith(Number),
    })
    .from(tenants)
    .where(isNull(tenants.deleted_at))
  return row ?? { tenants: 0, suspended: 0, trials_over: 0 }
}
