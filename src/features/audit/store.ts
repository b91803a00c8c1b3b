import { and, desc, eq, gte, lt, type SQL } from 'drizzle-orm'
import { type Page, pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { AuditEvent } from '../../kernel/store/audit-record.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'
import { type AuditEventRow, audit_events } from './table.js'

/** The filters of a list. An event must match all of them. */
export interface AuditFilters {
  readonly action?: string
  readonly actor_id?: string
  readonly target_id?: string
  readonly from?: string
  readonly to?: string
}

/** An audit event with its place in the chain. */
export interface AuditRecord extends AuditEvent {
  readonly chain_seq: number
  /** Hex. */
  readonly hash: string
}

/** An event of a list, with the position that a cursor holds: in the chain of the tenant, or among all events. */
export interface PlacedEvent extends AuditRecord {
  readonly position: string
}

/** Reads the audit of one tenant, or of all tenants for operators. */
export class AuditReader {
  constructor(
    private readonly scope: ReadScope,
    private readonly tenant_id: string | undefined,
  ) {}

  /** Lists events, newest first. */
  async list(filters: AuditFilters, page: Page): Promise<Rows<PlacedEvent>> {
    const rows = await this.select(filters, page.after_id, page.limit + 1)
    return pageOf(
      rows.map((row) => ({ ...auditRecord(row), position: this.positionOf(row) })),
      page.limit,
    )
  }

  /**
   * Reads events newest first, in batches with a short transaction each. An export of a million events holds no transaction
   * open and keeps one batch in memory. A reader that stops early leaves nothing to clean up.
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

  /** A tenant sees the position of an event in its own chain, and not how many events the platform has written. */
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

/** Returns the public part of an event: without its global position and the digest. */
function auditRecord({ seq: _seq, digest: _digest, hash, ...event }: AuditEventRow): AuditRecord {
  return { ...event, hash: hash.toString('hex') }
}
