import { isDeepStrictEqual } from 'node:util'
import { and, desc, eq, inArray, isNotNull, isNull, not, or, sql } from 'drizzle-orm'
import { lockOperator } from '../../../kernel/authz/actor.js'
import { isAccepted } from '../../../kernel/authz/membership.js'
import { afterId, searchOf } from '../../../kernel/database/search.js'
import type { KeyRecord } from '../../../kernel/identity/insert-key.js'
import { tenant_keys } from '../../../kernel/identity/keys-table.js'
import { listKeys } from '../../../kernel/identity/list-keys.js'
import { lockTenant } from '../../../kernel/identity/lock-tenant.js'
import { memberships } from '../../../kernel/identity/memberships-table.js'
import { revokeEveryInvitation } from '../../../kernel/identity/revoke-open-invitations.js'
import { revokeSessionsOf } from '../../../kernel/identity/revoke-sessions.js'
import { type TenantRow, tenants } from '../../../kernel/identity/tenants-table.js'
import { users } from '../../../kernel/identity/users-table.js'
import { NIL_UUID } from '../../../kernel/ids/uuid.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { pageOf, type Rows } from '../../../kernel/rest/pagination.js'
import type { SearchedPage } from '../../../kernel/rest/search.js'
import { deleteAnswers } from '../../../kernel/store/idempotency-records.js'
import { idempotency_records } from '../../../kernel/store/idempotency-table.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'

export interface UpdatePlanInput {
  readonly plan?: string
  readonly requests_per_minute?: number | null
  readonly trial_ends_at?: string | null
}

/** How much a lockdown ended. */
export interface Lockdown {
  readonly keys_revoked: number
  readonly sessions_ended: number
  readonly invitations_revoked: number
}

/** Tenants, as operators see and change them. */
export class PlatformTenantsReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Lists tenants of the platform, newest first. */
  async list(page: SearchedPage): Promise<Rows<TenantRow>> {
    const { id, name } = tenants
    const candidates = and(isNull(tenants.deleted_at), afterId(id, page.after_id))
    const { queries } = this.scope
    const { condition, searched_to } = await searchOf(queries, page.search, { id, candidates, columns: [name] })
    const rows = await queries
      .select()
      .from(tenants)
      .where(and(candidates, condition))
      .orderBy(desc(id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit, searched_to)
  }

  /** @throws Problem `not_found` */
  async get(id: string): Promise<TenantRow> {
    const [row] = await this.scope.queries
      .select()
      .from(tenants)
      .where(and(eq(tenants.id, id), isNull(tenants.deleted_at)))
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  /** Lists the keys of a tenant for operators, who can find a leaked key with it. */
  async keysOf(tenant_id: string, page: SearchedPage): Promise<Rows<KeyRecord>> {
    await this.get(tenant_id)
    return listKeys(this.scope, tenant_id, page)
  }
}

export class PlatformTenantsWriter extends PlatformTenantsReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /** Changes plan and budgets; they hold from the next request. @throws Problem `not_found` */
  async changePlan(id: string, change: UpdatePlanInput): Promise<TenantRow> {
    await lockOperator(this.scope, ['platform:tenants:manage'])
    const before = await this.get(id)
    const [after] = await this.scope.queries.update(tenants).set(change).where(eq(tenants.id, id)).returning()
    const fields = Object.keys(change) as (keyof UpdatePlanInput)[]
    const pick = (row: TenantRow) => Object.fromEntries(fields.map((field) => [field, row[field]]))
    this.recordChange(before, { before: pick(before), after: pick(after as TenantRow) })
    return after as TenantRow
  }

  /**
   * Ends every key of a tenant, every session of its members, and every open invitation and pending membership in one
   * transaction: for when it is not known what leaked. A user who did not accept a membership keeps their sessions. It also
   * deletes the stored responses that contain a key of the tenant. Members who belong to other tenants too have to log in
   * again there as well: a session is a user's, not a tenant's.
   *
   * @throws Problem `not_found`
   */
  async lockDown(id: string, reason?: string): Promise<Lockdown> {
    await lockOperator(this.scope, ['platform:tenants:manage'])
    // A transaction that creates a key locks the tenant, so this also ends a key that is being created now.
    await lockTenant(this.scope, id)
    const tenant = await this.get(id)
    // In the order of the writes that count the use of keys.
    await this.scope.queries
      .select({ id: tenant_keys.id })
      .from(tenant_keys)
      .where(eq(tenant_keys.tenant_id, id))
      .orderBy(sql`${tenant_keys.id} collate "C"`)
      .for('no key update')
    const revoked = await this.scope.queries
      .update(tenant_keys)
      .set({ revoked_at: this.scope.now })
      .where(and(eq(tenant_keys.tenant_id, id), isNull(tenant_keys.revoked_at)))
      .returning({ id: tenant_keys.id })
    const members = this.scope.queries
      .select({ user_id: memberships.user_id })
      .from(memberships)
      .where(and(eq(memberships.tenant_id, id), isAccepted))
    const revoked_sessions = await revokeSessionsOf(this.scope, inArray(users.id, members), 'tenant_locked_down')
    const active = revoked_sessions.filter(({ expires_at }) => expires_at > this.scope.now)
    const invitations_revoked = (await revokeEveryInvitation(this.scope, id)) + (await this.withdrawOffers(id))
    await this.deleteAnswersOf(id)
    const lockdown = { keys_revoked: revoked.length, sessions_ended: active.length, invitations_revoked }
    this.recordChange(tenant, { ...lockdown, reason })
    return lockdown
  }

  /**
   * Stops a tenant from its next request on, until it is activated or `until` has passed. For a suspended tenant it changes
   * reason and end, and the audit has both. The tenant stays suspended in between, and `suspended_at` stays.
   */
  async suspend(id: string, reason: string, until: string | undefined): Promise<TenantRow> {
    await lockOperator(this.scope, ['platform:tenants:manage'])
    // Two operators at the same time: the second one must see, and record, what the first one wrote.
    await lockTenant(this.scope, id)
    const row = await this.get(id)
    const before = suspensionOf(row)
    const { now } = this.scope
    const { suspended_at, suspended_until } = before
    const is_suspended = suspended_at !== null && (suspended_until === null || suspended_until > now)
    const after = {
      suspended_at: is_suspended ? suspended_at : now,
      suspended_until: until ?? null,
      suspension_reason: reason,
    }
    if (isDeepStrictEqual(before, after)) {
      this.scope.recordNoChange()
      return row
    }
    const changed = await this.change(id, after)
    this.recordChange(changed, { ...(suspended_at !== null && { before }), after })
    return changed
  }

  /** Lets a suspended tenant act again from its next request on. */
  async activate(id: string): Promise<TenantRow> {
    await lockOperator(this.scope, ['platform:tenants:manage'])
    const before = await this.get(id)
    if (before.suspended_at === null) {
      this.scope.recordNoChange()
      return before
    }
    const after = await this.change(id, { suspended_at: null, suspended_until: null, suspension_reason: null })
    this.recordChange(after, { before: suspensionOf(before) })
    return after
  }

  /** Deletes the pending memberships that members offered. The one that an operator offers to the first Owner stays. */
  private async withdrawOffers(id: string): Promise<number> {
    const offered = and(eq(memberships.tenant_id, id), not(isAccepted), isNotNull(memberships.invited_by))
    const withdrawn = await this.scope.queries.delete(memberships).where(offered).returning({ id: memberships.user_id })
    return withdrawn.length
  }

  /** Deletes the stored responses of the tenant, and those of its members to the creation of a tenant with its first key. */
  private async deleteAnswersOf(id: string): Promise<void> {
    const members = this.scope.queries
      .select({ principal: sql`'user:' || ${memberships.user_id}` })
      .from(memberships)
      .where(and(eq(memberships.tenant_id, id), isAccepted))
    const { tenant_id, route, principal } = idempotency_records
    const created = and(eq(tenant_id, NIL_UUID), eq(route, 'POST /v1/tenants'), inArray(principal, members))
    await deleteAnswers(this.scope, or(eq(tenant_id, id), created))
  }

  private async change(id: string, values: Partial<TenantRow>): Promise<TenantRow> {
    const [row] = await this.scope.queries.update(tenants).set(values).where(eq(tenants.id, id)).returning()
    return row as TenantRow
  }

  private recordChange({ id }: TenantRow, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'tenant', tenant_id: id, changes })
  }
}

function suspensionOf({ suspended_at, suspended_until, suspension_reason }: TenantRow) {
  return { suspended_at, suspended_until, suspension_reason }
}
