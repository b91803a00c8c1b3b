import { and, desc, eq, gte, lt, type SQL } from 'drizzle-orm'
import { type Page, pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'
import { type AuditEventRow, audit_events } from './table.js'

/** Which events; all given ones must fit. */
export interface AuditFilters {
  readonly action?: string
  readonly actor_id?: string
  readonly target_id?: string
  readonly from?: string
  readonly to?: string
}

export interface AuditRecord {
  readonly id: string
  readonly tenant_id: string | null
  readonly action: string
  readonly actor_kind: string
  readonly actor_id: string | null
  readonly target_kind: string
  readonly target_id: string | null
  readonly changes: Record<string, unknown>
  readonly address: string | null
  readonly user_agent: string | null
  readonly request_id: string | null
  readonly created_at: string
  readonly chain_seq: number
  /** Hex. */
  readonly hash: string
}

/** An event of a list, which goes on after its position: in the chain of the tenant, or in the order of all writing. */
export interface PlacedEvent extends AuditRecord {
  readonly position: string
}

/** Reads the audit of one tenant, or, for operators, of all. */
export class AuditReader {
  constructor(
    private readonly scope: ReadScope,
    private readonly tenant_id: string | undefined,
  ) {}

  /** Events, newest first. */
  async list(filters: AuditFilters, page: Page): Promise<Rows<PlacedEvent>> {
    const rows = await this.select(filters, page.after_id, page.limit + 1)
    return pageOf(
      rows.map((row) => ({ ...auditRecord(row), position: this.positionOf(row) })),
      page.limit,
    )
  }

  /**
   * Events newest first, batch by batch, each in its own short transaction: an export of a million events holds no
   * transaction open and no more than a batch in memory. Whoever stops taking them leaves nothing behind.
   */
  async *all(filters: AuditFilters, batch: number): AsyncGenerator<AuditRecord[]> {
    let position: string | undefined
    for (;;) {
      const rows = await this.select(filters, position, batch)
      const last = rows.at(-1)
      if (last === undefined) return
      yield rows.map(auditRecord)
      if (rows.length < batch) return
      position = this.positionOf(last)
    }
  }

  private select(filters: AuditFilters, after: string | undefined, limit: number): Promise<AuditEventRow[]> {
    const order = audit_events[this.order]
    return this.scope.queries
      .select()
      .from(audit_events)
      .where(and(this.matching(filters), after === undefined ? undefined : lt(order, Number(after))))
      .orderBy(desc(order))
      .limit(limit)
  }

  private positionOf(row: AuditEventRow): string {
    return String(row[this.order])
  }

  /** A tenant learns where an event stands in its own chain, and not how many the platform has written. */
  private get order(): 'seq' | 'chain_seq' {
    return this.tenant_id === undefined ? 'seq' : 'chain_seq'
  }

  private matching(filters: AuditFilters): SQL | undefined {
    return and(
      this.ofTenant(),
      filters.action === undefined ? undefined : eq(audit_events.action, filters.action),
      filters.actor_id === undefined ? undefined : eq(audit_events.actor_id, filters.actor_id),
      filters.target_id === undefined ? undefined : eq(audit_events.target_id, filters.target_id),
      filters.from === undefined ? undefined : gte(audit_events.created_at, filters.from),
      filters.to === undefined ? undefined : lt(audit_events.created_at, filters.to),
    )
  }

  private ofTenant(): SQL | undefined {
    return this.tenant_id === undefined ? undefined : eq(audit_events.tenant_id, this.tenant_id)
  }
}

/** An event as it goes out: all but its place among those of others, and what the hash was made from. */
function auditRecord({ seq: _seq, digest: _digest, hash, ...event }: AuditEventRow): AuditRecord {
  return { ...event, hash: hash.toString('hex') }
}
