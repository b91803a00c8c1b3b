import { and, desc, eq, getTableColumns, gte, inArray, lt, type SQL } from 'drizzle-orm'
import { SEARCHED_ROWS_MAX } from '../../kernel/database/search.js'
import { NIL_UUID } from '../../kernel/ids/uuid.js'
import { type Page, pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { Action } from '../../kernel/store/actions.js'
import type { AuditEvent } from '../../kernel/store/audit-record.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'
import { type AuditLink, inChainOrder, toLink } from './links.js'
import { actorNameOf, type EventNames, NAMES_OF_TENANT, NO_NAMES, namesOfPlatform, type ShownNames } from './names.js'
import { type AuditEventRow, audit_events, audit_links } from './table.js'

/** The filters of a list. An event must match all of them. */
export interface AuditFilters {
  /** An event must have one of them. */
  readonly actions?: readonly string[] | undefined
  readonly actor_id?: string | undefined
  readonly target_id?: string | undefined
  readonly request_id?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** An audit event with its place in the chain. */
export interface AuditRecord extends AuditEvent {
  readonly chain_seq: number
  /** Hex. */
  readonly hash: string
}

/**
 * An event of a list, with the position that a cursor holds: in the chain of the tenant, or among all events. The names are
 * those of now. They are no part of the event, so no digest covers them, and no export has them.
 */
export interface PlacedEvent extends AuditRecord {
  readonly actor_name: string | null
  readonly target_name: string | null
  readonly position: string
}

/** Actions whose events hold values of customers if an earlier release has written them. */
const CUSTOMER_ACTIONS: ReadonlySet<string> = new Set<Action>([
  'customer.created',
  'customer.updated',
  'customer.deleted',
])

/** Reads the audit of one tenant, or of all tenants for operators. */
export class AuditReader {
  constructor(
    private readonly scope: ReadScope,
    private readonly tenant_id: string | undefined,
  ) {}

  /**
   * Lists events, newest first.
   * @param shown the names that an operator may see. A tenant sees those of its members and keys.
   */
  async list(
    filters: AuditFilters,
    page: Page,
    shown: ShownNames = { users: false, keys: false },
  ): Promise<Rows<PlacedEvent>> {
    const names = this.tenant_id === undefined ? namesOfPlatform(shown) : NAMES_OF_TENANT
    const { rows, searched_to } = await this.select(filters, page.after_id, page.limit + 1, names)
    return pageOf(
      rows.map((row) => ({
        ...this.shown(row),
        actor_name: actorNameOf(row.actor_kind, row.actor_name),
        target_name: row.target_name,
        position: this.positionOf(row),
      })),
      page.limit,
      searched_to,
    )
  }

  /**
   * Reads events newest first, in batches with a short transaction each. An export of a million events holds no transaction
   * open and keeps one batch in memory. A reader that stops early leaves nothing to clean up.
   */
  async *all(filters: AuditFilters, batch: number): AsyncGenerator<AuditRecord[]> {
    let position: string | undefined
    do {
      const { rows, searched_to } = await this.select(filters, position, batch)
      const last = rows.at(-1)
      if (rows.length > 0) yield rows.map(auditRecord)
      position = rows.length === batch && last !== undefined ? this.positionOf(last) : searched_to
    } while (position !== undefined)
  }

  /** Reads the whole chain of the tenant in such batches, with the links of erased events in their places. */
  async *chain(batch: number): AsyncGenerator<(AuditRecord | AuditLink)[]> {
    let after: number | undefined
    do {
      // The events first: an event that is erased between these two reads is then in both, and not in neither.
      const { rows } = await this.select({}, after === undefined ? undefined : String(after), batch)
      const links = await this.scope.queries
        .select()
        .from(audit_links)
        .where(
          and(
            eq(audit_links.tenant_id, this.tenant_id ?? NIL_UUID),
            after === undefined ? undefined : lt(audit_links.chain_seq, after),
          ),
        )
        .orderBy(desc(audit_links.chain_seq))
        .limit(batch)
      const lines = inChainOrder(rows.map(auditRecord), links.map(toLink)).slice(0, batch)
      if (lines.length > 0) yield lines
      after = lines.length === batch ? lines.at(-1)?.chain_seq : undefined
    } while (after !== undefined)
  }

  private async select(
    filters: AuditFilters,
    after: string | undefined,
    limit: number,
    names: EventNames = NO_NAMES,
  ): Promise<{ rows: NamedRow[]; searched_to: string | undefined }> {
    const order = audit_events[this.order]
    const { indexed, others } = this.conditionsOf(filters)
    const candidates = and(indexed, after === undefined ? undefined : lt(order, Number(after)))
    const end = others === undefined ? undefined : await this.searchEnd(candidates)
    const rows = await this.scope.queries
      .select({ ...getTableColumns(audit_events), ...names })
      .from(audit_events)
      .where(and(candidates, others, end === undefined ? undefined : gte(order, end)))
      .orderBy(desc(order))
      .limit(limit)
    return { rows, searched_to: end === undefined ? undefined : String(end) }
  }

  /** The position up to which one request searches. */
  private async searchEnd(candidates: SQL | undefined): Promise<number | undefined> {
    const order = audit_events[this.order]
    const [end] = await this.scope.queries
      .select({ position: order })
      .from(audit_events)
      .where(candidates)
      .orderBy(desc(order))
      .limit(1)
      .offset(SEARCHED_ROWS_MAX - 1)
    return end?.position
  }

  /**
   * Earlier releases recorded values of customers, which readers of the audit must not see. Lists leave them out until the
   * retention erases these events. An export has them until then, because their digests cover them.
   */
  private shown(row: NamedRow): AuditRecord {
    const event = auditRecord(row)
    const holds_values = CUSTOMER_ACTIONS.has(event.action) && ('before' in event.changes || 'after' in event.changes)
    return holds_values ? { ...event, changes: {} } : event
  }

  private positionOf(row: AuditEventRow): string {
    return String(row[this.order])
  }

  /** A tenant sees the position of an event in its own chain, and not how many events the platform has written. */
  private get order(): 'seq' | 'chain_seq' {
    return this.tenant_id === undefined ? 'seq' : 'chain_seq'
  }

  /**
   * The conditions of filters: those that have an index in the order of the list, and the others. With the others, the list
   * must read events that it does not return. Actors and targets have an index within a tenant only.
   */
  private conditionsOf(filters: AuditFilters): { indexed: SQL | undefined; others: SQL | undefined } {
    const { tenant_id } = this
    const { actions, actor_id, target_id, request_id, from, to } = filters
    const of_ids = and(
      actor_id === undefined ? undefined : eq(audit_events.actor_id, actor_id),
      target_id === undefined ? undefined : eq(audit_events.target_id, target_id),
    )
    return {
      indexed: and(
        tenant_id === undefined ? undefined : and(eq(audit_events.tenant_id, tenant_id), of_ids),
        request_id === undefined ? undefined : eq(audit_events.request_id, request_id),
      ),
      others: and(
        tenant_id === undefined ? of_ids : undefined,
        actions === undefined ? undefined : inArray(audit_events.action, [...actions]),
        from === undefined ? undefined : gte(audit_events.created_at, from),
        to === undefined ? undefined : lt(audit_events.created_at, to),
      ),
    }
  }
}

interface NamedRow extends AuditEventRow {
  readonly actor_name: string | null
  readonly target_name: string | null
}

/** Returns the event as an export has it: without its global position, the digest, and the names. */
function auditRecord(row: NamedRow): AuditRecord {
  const { seq: _seq, digest: _digest, actor_name: _actor, target_name: _target, hash, ...event } = row
  return { ...event, hash: hash.toString('hex') }
}
