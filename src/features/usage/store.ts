import { and, asc, eq, gte, lt, type SQL, sql } from 'drizzle-orm'
import { asName, keyName } from '../../kernel/identity/names.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'
import type { UsageCount } from './recorder.js'
import { usage_hours } from './table.js'

/** The groups that usage can be summed by. */
export const USAGE_GROUPS = ['key', 'route', 'status', 'code', 'hour', 'day'] as const
export type UsageGroup = (typeof USAGE_GROUPS)[number]

/** The maximum number of rows of a response: a month of hours, or a year of days. */
const GROUPS_MAX = 1_000
/** Counters per statement. Each has nine values, and the protocol allows 65,535 values. */
const BATCH = 1_000

export interface UsageSum {
  readonly group: string
  /** The name that the key has now; null for groups that are no keys. */
  readonly name: string | null
  readonly requests: number
  readonly refusals: number
  readonly duration_ms_average: number
  readonly duration_ms_max: number
}

const GROUP_OF: Readonly<Record<UsageGroup, SQL<string>>> = {
  key: sql<string>`${usage_hours.key_id}`,
  route: sql<string>`${usage_hours.route}`,
  status: sql<string>`${usage_hours.status}::text`,
  code: sql<string>`${usage_hours.code}`,
  hour: sql<string>`to_char(${usage_hours.hour} at time zone 'UTC', 'YYYY-MM-DD"T"HH24":00:00.000Z"')`,
  day: sql<string>`to_char(${usage_hours.hour} at time zone 'UTC', 'YYYY-MM-DD')`,
}

const NAME_OF_KEY = asName(keyName('usage_hours.tenant_id', 'usage_hours.key_id'))
const NO_NAME = asName('null')

export class UsageReader {
  constructor(
    private readonly scope: ReadScope,
    private readonly tenant_id: string,
  ) {}

  /**
   * Sums the usage of the tenant from an hour to an hour (exclusive), ordered by group. `is_cut` says that there are more
   * groups than a response holds.
   */
  async sums(group_by: UsageGroup, from: string, to: string): Promise<{ data: UsageSum[]; is_cut: boolean }> {
    const group = GROUP_OF[group_by]
    const rows = await this.scope.queries
      .select({
        group: group.as('grouped'),
        name: group_by === 'key' ? NAME_OF_KEY : NO_NAME,
        requests: sql<number>`sum(${usage_hours.requests})::bigint`.mapWith(Number),
        refusals:
          sql<number>`coalesce(sum(${usage_hours.requests}) filter (where ${usage_hours.code} <> ''), 0)::bigint`.mapWith(
            Number,
          ),
        duration_ms_average:
          sql<number>`round((sum(${usage_hours.duration_ms_sum}) / sum(${usage_hours.requests}))::numeric, 3)::float8`.mapWith(
            Number,
          ),
        duration_ms_max: sql<number>`max(${usage_hours.duration_ms_max})`.mapWith(Number),
      })
      .from(usage_hours)
      .where(and(eq(usage_hours.tenant_id, this.tenant_id), gte(usage_hours.hour, from), lt(usage_hours.hour, to)))
      .groupBy(sql`grouped`, usage_hours.tenant_id)
      .orderBy(asc(sql`grouped`))
      .limit(GROUPS_MAX + 1)
    return { data: rows.slice(0, GROUPS_MAX), is_cut: rows.length > GROUPS_MAX }
  }
}

/** Adds counters to the rows of their hours. */
export class UsageCounter {
  constructor(private readonly scope: ReadScope) {}

  async add(given: readonly UsageCount[]): Promise<void> {
    // All replicas write in the same order, so that they cannot deadlock.
    const counts = [...given].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))
    for (let start = 0; start < counts.length; start += BATCH) {
      await this.scope.queries
        .insert(usage_hours)
        .values(counts.slice(start, start + BATCH))
        .onConflictDoUpdate({
          target: [
            usage_hours.tenant_id,
            usage_hours.hour,
            usage_hours.key_id,
            usage_hours.route,
            usage_hours.status,
            usage_hours.code,
          ],
          set: {
            requests: sql`${usage_hours.requests} + excluded.requests`,
            duration_ms_sum: sql`${usage_hours.duration_ms_sum} + excluded.duration_ms_sum`,
            duration_ms_max: sql`greatest(${usage_hours.duration_ms_max}, excluded.duration_ms_max)`,
          },
        })
    }
  }
}

function nameOf({ tenant_id, hour, key_id, route, status, code }: UsageCount): string {
  return [tenant_id, hour, key_id, route, status, code].join(' ')
}
