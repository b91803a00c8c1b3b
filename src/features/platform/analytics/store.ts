import { and, asc, count, desc, eq, gte, isNull, lt, sql } from 'drizzle-orm'
import { suspensionHolds, trialIsOver } from '../../../kernel/authz/suspension.js'
import { memberships } from '../../../kernel/identity/memberships-table.js'
import { tenants } from '../../../kernel/identity/tenants-table.js'
import { users } from '../../../kernel/identity/users-table.js'
import type { ReadScope } from '../../../kernel/store/unit-of-work.js'
import { instantOf } from '../../../kernel/time/clock.js'
import { usage_hours } from '../../usage/table.js'

const DAY_MS = 86_400_000

export interface Span {
  readonly from: string
  readonly to: string
}

/** Reads analytics of the platform. It counts the requests of a tenant and cannot read the data of a tenant. */
export class AnalyticsReader {
  constructor(private readonly scope: ReadScope) {}

  /** Reads totals, and the requests of the last day. */
  async overview() {
    const tenant_counts = await tenantCounts(this.scope)
    const [user_counts] = await this.scope.queries
      .select({ users: count(), disabled: count(users.disabled_at) })
      .from(users)
    const since = instantOf(Date.parse(this.scope.now) - DAY_MS)
    const [asked] = await this.scope.queries
      .select({
        requests: sql<number>`coalesce(sum(${usage_hours.requests}), 0)`.mapWith(Number),
        refusals:
          sql<number>`coalesce(sum(${usage_hours.requests}) filter (where ${usage_hours.code} <> ''), 0)`.mapWith(
            Number,
          ),
        active_tenants: sql<number>`count(distinct ${usage_hours.tenant_id})`.mapWith(Number),
      })
      .from(usage_hours)
      .where(gte(usage_hours.hour, since))
    return {
      ...tenant_counts,
      users: user_counts?.users ?? 0,
      users_disabled: user_counts?.disabled ?? 0,
      last_day: asked ?? { requests: 0, refusals: 0, active_tenants: 0 },
    }
  }

  /** Lists tenants by the number of requests, most first. */
  async busiestTenants({ from, to }: Span, limit: number) {
    return this.scope.queries
      .select({
        tenant_id: tenants.id,
        name: tenants.name,
        members:
          sql<number>`(select count(*) from ${memberships} m where m.tenant_id = "tenants"."id" and m.accepted_at is not null)`.mapWith(
            Number,
          ),
        requests: sql<number>`coalesce(sum(${usage_hours.requests}), 0)`.mapWith(Number),
        refusals:
          sql<number>`coalesce(sum(${usage_hours.requests}) filter (where ${usage_hours.code} <> ''), 0)`.mapWith(
            Number,
          ),
      })
      .from(tenants)
      .leftJoin(
        usage_hours,
        and(eq(usage_hours.tenant_id, tenants.id), gte(usage_hours.hour, from), lt(usage_hours.hour, to)),
      )
      .where(isNull(tenants.deleted_at))
      .groupBy(tenants.id)
      .orderBy(desc(sql`4`), asc(tenants.id))
      .limit(limit)
  }

  /** Counts new tenants and users of each day. It leaves out days without any. */
  async growth({ from, to }: Span) {
    const day = sql<string>`to_char(made.created_at at time zone 'UTC', 'YYYY-MM-DD')`
    const rows = await this.scope.queries.execute(sql`
      select ${day} as day, count(*) filter (where kind = 'tenant')::int as tenants, count(*) filter (where kind = 'user')::int as users
      from (select 'tenant' as kind, created_at from tenants union all select 'user', created_at from users) made
      where made.created_at >= ${from}::timestamptz and made.created_at < ${to}::timestamptz
      group by 1 order by 1 limit 1000`)
    return rows as unknown as { day: string; tenants: number; users: number }[]
  }
}

/** The number of tenants of each state. */
async function tenantCounts({ queries, now }: ReadScope) {
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
