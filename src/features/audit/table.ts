import { sql } from 'drizzle-orm'
import { bigint, index, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, instant, tenantId } from '../../kernel/database/columns.js'
import { NIL_UUID } from '../../kernel/ids/uuid.js'
import type { Target } from '../../kernel/store/subject.js'

/** The id of the platform in place of the id of a tenant. */
const NIL = sql.raw(`'${NIL_UUID}'`)

/**
 * The kinds of targets of the data plane. Only their events can be erased. The database has this list too, in
 * `erase_audit_events`.
 */
export const DATA_PLANE_KINDS = [
  'customer',
  'conversation',
  'conversation_member',
  'message',
  'message_report',
  'stream_ticket',
] as const satisfies readonly Target['kind'][]

const OF_DATA_PLANE = sql.raw(DATA_PLANE_KINDS.map((kind) => `'${kind}'`).join(', '))

/** The condition of an event that an earlier release wrote, with values of a customer. */
export const HOLDS_VALUES = sql.raw(`target_kind = 'customer' and (changes ? 'before' or changes ? 'after')`)

/**
 * Who did what, when, and from where. Append-only: no database role of the running gateway may update or delete rows. One
 * function of the database replaces expired events of the data plane by links.
 * `tenant_id` is null for events of the platform.
 */
export const audit_events = pgTable(
  'audit_events',
  {
    seq: bigint('seq', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity({ name: 'audit_events_seq' }),
    id: uuid('id').notNull(),
    tenant_id: uuid('tenant_id'),
    action: text('action').notNull(),
    actor_kind: text('actor_kind').notNull(),
    actor_id: text('actor_id'),
    target_kind: text('target_kind').notNull(),
    target_id: text('target_id'),
    /** The changed values before and after, without secrets. */
    changes: jsonb('changes').$type<Record<string, unknown>>().notNull(),
    address: text('address'),
    user_agent: text('user_agent'),
    request_id: text('request_id'),
    created_at: instant('created_at').notNull(),
    /** The position in the chain of its tenant, from 1 without gaps. */
    chain_seq: bigint('chain_seq', { mode: 'number' }).notNull(),
    /** SHA-256 of the event in canonical JSON (RFC 8785). The gateway computes it. */
    digest: bytes('digest').notNull(),
    /** SHA-256 of the previous hash and the digest. The database computes it. */
    hash: bytes('hash').notNull(),
  },
  (t) => [
    index('audit_events_tenant_chain_index').on(t.tenant_id, t.chain_seq),
    index('audit_events_target_index').on(t.tenant_id, t.target_id, t.chain_seq),
    index('audit_events_actor_index').on(t.tenant_id, t.actor_id, t.chain_seq),
    // A client chooses the id of its request, so many events can have one id. Each list has its own order.
    index('audit_events_request_index').on(t.tenant_id, t.request_id, t.chain_seq),
    index('audit_events_request_seq_index').on(t.request_id, t.seq),
    // For the retention: the events of the data plane by age, and the events of customers that hold values.
    index('audit_events_data_index').on(t.tenant_id, t.created_at).where(sql`${t.target_kind} in (${OF_DATA_PLANE})`),
    index('audit_events_values_index').on(t.tenant_id).where(sql`${HOLDS_VALUES}`),
    uniqueIndex('audit_events_chain_key').on(sql`coalesce(${t.tenant_id}, ${NIL}::uuid)`, t.chain_seq),
  ],
)

/**
 * What is left of an erased event: its place in the chain of its tenant, so that the chain can still be verified. The
 * function `erase_audit_events` is the only writer.
 */
export const audit_links = pgTable(
  'audit_links',
  {
    tenant_id: tenantId(),
    chain_seq: bigint('chain_seq', { mode: 'number' }).notNull(),
    digest: bytes('digest').notNull(),
    hash: bytes('hash').notNull(),
  },
  (t) => [primaryKey({ name: 'audit_links_pkey', columns: [t.tenant_id, t.chain_seq] })],
)

/** The last position of each chain: of a tenant, or of the platform (nil UUID). Only `append_audit_event` writes it. */
export const audit_chains = pgTable('audit_chains', {
  tenant_id: uuid('tenant_id').primaryKey(),
  length: bigint('length', { mode: 'number' }).notNull(),
  hash: bytes('hash').notNull(),
})

export type AuditEventRow = typeof audit_events.$inferSelect
export type AuditLinkRow = typeof audit_links.$inferSelect
