import { bigint, index, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { instant } from '../storage/columns.js'

/**
 * Who did what, when, from where. Append-only: no database role of the running gateway may update or delete here.
 * `tenant_id` is null for what concerns the platform alone.
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
    /** What changed, before and after, without secrets. */
    changes: jsonb('changes').$type<Record<string, unknown>>().notNull(),
    address: text('address'),
    user_agent: text('user_agent'),
    request_id: text('request_id'),
    created_at: instant('created_at').notNull(),
  },
  (t) => [index('audit_events_tenant_id_index').on(t.tenant_id, t.seq)],
)
