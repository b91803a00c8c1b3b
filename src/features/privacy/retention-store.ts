import { exists, isNotNull, or, sql } from 'drizzle-orm'
import { tenants } from '../../kernel/identity/tenants-table.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { audit_events, HOLDS_VALUES } from '../audit/table.js'

/** The rows of one kind that one transaction deletes. Nobody else needs them, so the locks disturb no one. */
export const EXPIRED_AT_ONCE = 2_000

/** What one run deleted. */
export interface Expired {
  readonly messages: number
  readonly audit_events: number
  readonly usage_hours: number
}

/** Finds the tenants that the retention concerns. Tenants that are deleted are among them. */
export class RetentionReader {
  constructor(private readonly scope: ReadScope) {}

  async tenants(): Promise<string[]> {
    const old_values = this.scope.queries
      .select({ one: sql`1` })
      .from(audit_events)
      .where(sql`${audit_events.tenant_id} = ${tenants.id} and ${HOLDS_VALUES}`)
    const rows = await this.scope.queries
      .select({ id: tenants.id })
      .from(tenants)
      .where(
        or(
          isNotNull(tenants.retention_messages_days),
          isNotNull(tenants.retention_data_audit_days),
          isNotNull(tenants.retention_usage_days),
          exists(old_values),
        ),
      )
    return rows.map(({ id }) => id)
  }
}

/**
 * Deletes what the retention of a tenant does not keep. Functions of the database decide what that is, by their own clock
 * and the settings of the tenant, because the roles of the gateway may not delete any of it.
 */
export class RetentionWriter {
  constructor(
    private readonly scope: WriteScope,
    private readonly tenant_id: string,
  ) {}

  /** Deletes some of the expired rows of each kind. The event names the erased positions of the audit. */
  async deleteSome(): Promise<Expired> {
    const messages = await this.call<number>('delete_expired_messages')
    const usage_hours = await this.call<number>('delete_expired_usage')
    const positions = await this.call<(number | string)[]>('erase_audit_events')
    const expired = { messages, audit_events: positions.length, usage_hours }
    if (messages + usage_hours + positions.length === 0) {
      this.scope.recordNoChange()
    } else {
      const erased_positions = rangesOf(positions.map(Number))
      this.scope.recordChange({
        kind: 'tenant',
        tenant_id: this.tenant_id,
        changes: { deleted: expired, erased_positions },
      })
    }
    return expired
  }

  private async call<Result>(name: string): Promise<Result> {
    const text = `select ${name}($1) as result`
    const [row] = await this.scope.queries.run<{ result: Result }>({
      text,
      values: [EXPIRED_AT_ONCE],
      row_mode: 'object',
    })
    return (row as { result: Result }).result
  }
}

/** Groups positions into ranges of a first and a last one. */
export function rangesOf(positions: readonly number[]): [number, number][] {
  const ranges: [number, number][] = []
  for (const position of positions.toSorted((one, other) => one - other)) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === position - 1) last[1] = position
    else ranges.push([position, position])
  }
  return ranges
}
