import { sql } from 'drizzle-orm'
import {
  check,
  foreignKey,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { AUTHOR_KINDS, type AuthorKind, type TenantPrincipalKind } from '../../../contract/kinds.js'
import { instant, isOneOf, tenantId, withinTenant } from '../../../kernel/database/columns.js'
import { users } from '../../../kernel/identity/users-table.js'
import { conversations } from '../table.js'

/**
 * What was written in a conversation, numbered from 1 without gaps. A deleted message keeps its place and its number
 * and nothing that was said.
 */
export const messages = pgTable(
  'messages',
  {
    tenant_id: tenantId(),
    id: uuid('id').notNull(),
    conversation_id: uuid('conversation_id').notNull(),
    seq: integer('seq').notNull(),
    author_kind: text('author_kind').$type<AuthorKind>().notNull(),
    /** Not a reference: what somebody wrote stays when they are gone. */
    author_id: text('author_id').notNull(),
    /** The key that wrote it, for itself or for a customer. */
    key_id: text('key_id'),
    /** As it was sent; null once it is deleted. */
    content: text('content'),
    reply_to: uuid('reply_to'),
    created_at: instant('created_at').notNull(),
    edited_at: instant('edited_at'),
    deleted_at: instant('deleted_at'),
  },
  (t) => [
    primaryKey({ name: 'messages_pkey', columns: [t.tenant_id, t.id] }),
    uniqueIndex('messages_seq_key').on(t.tenant_id, t.conversation_id, t.seq),
    unique('messages_conversation_key').on(t.tenant_id, t.conversation_id, t.id),
    withinTenant(
      'messages_conversation_fkey',
      [t.tenant_id, t.conversation_id],
      [conversations.tenant_id, conversations.id],
    ),
    foreignKey({
      name: 'messages_reply_to_fkey',
      columns: [t.tenant_id, t.conversation_id, t.reply_to],
      foreignColumns: [t.tenant_id, t.conversation_id, t.id],
    }),
    check('messages_author_kind_check', isOneOf(t.author_kind, AUTHOR_KINDS)),
    check('messages_content_check', sql`(${t.content} is null) = (${t.deleted_at} is not null)`),
  ],
)

export const REPORT_STATUSES = ['pending', 'reviewed', 'dismissed'] as const
export type ReportStatus = (typeof REPORT_STATUSES)[number]

/** What somebody told the moderators about a message, with the message as it was then. */
export const message_reports = pgTable(
  'message_reports',
  {
    tenant_id: tenantId(),
    id: uuid('id').notNull(),
    conversation_id: uuid('conversation_id').notNull(),
    message_id: uuid('message_id').notNull(),
    reporter_id: uuid('reporter_id').notNull(),
    reason: text('reason').notNull(),
    /** The message at that time: it may be edited or deleted before anybody looks. */
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

export type MessageRow = typeof messages.$inferSelect
export type ReportRow = typeof message_reports.$inferSelect
