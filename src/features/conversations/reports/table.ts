import { sql } from 'drizzle-orm'
import { check, foreignKey, index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import type { AuthorKind, TenantPrincipalKind } from '../../../contract/kinds.js'
import { instant, isOneOf, tenantId, withinTenant } from '../../../kernel/database/columns.js'
import { users } from '../../../kernel/identity/users-table.js'
import { messages } from '../messages/table.js'

export const REPORT_STATUSES = ['pending', 'reviewed', 'dismissed'] as const
export type ReportStatus = (typeof REPORT_STATUSES)[number]

/** A report about a message, with a copy of the message at that time. */
export const message_reports = pgTable(
  'message_reports',
  {
    tenant_id: tenantId(),
    id: uuid('id').notNull(),
    conversation_id: uuid('conversation_id').notNull(),
    message_id: uuid('message_id').notNull(),
    reporter_id: uuid('reporter_id').notNull(),
    reason: text('reason').notNull(),
    /** The content at the time of the report. The message may be edited or deleted before a moderator reads the report. */
    content: text('content').notNull(),
    author_kind: text('author_kind').$type<AuthorKind>().notNull(),
    author_id: text('author_id').notNull(),
    status: text('status').$type<ReportStatus>().notNull(),
    note: text('note'),
    decided_by_kind: text('decided_by_kind').$type<TenantPrincipalKind>(),
    decided_by: text('decided_by'),
    decided_at: instant('decided_at'),
    created_at: instant('created_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'message_reports_pkey', columns: [t.tenant_id, t.id] }),
    uniqueIndex('message_reports_reporter_key').on(t.tenant_id, t.message_id, t.reporter_id),
    index('message_reports_status_index').on(t.tenant_id, t.status, t.id),
    index('message_reports_reporter_id_index').on(t.tenant_id, t.reporter_id, t.id),
    withinTenant(
      'message_reports_message_fkey',
      [t.tenant_id, t.conversation_id, t.message_id],
      [messages.tenant_id, messages.conversation_id, messages.id],
    ),
    foreignKey({ name: 'message_reports_reporter_id_fkey', columns: [t.reporter_id], foreignColumns: [users.id] }),
    check('message_reports_status_check', isOneOf(t.status, REPORT_STATUSES)),
    check('message_reports_decision_check', sql`(${t.status} = 'pending') = (${t.decided_at} is null)`),
  ],
)

export type ReportRow = typeof message_reports.$inferSelect
