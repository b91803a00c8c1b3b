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
import { AUTHOR_KINDS, type AuthorKind } from '../../../contract/kinds.js'
import { instant, isOneOf, tenantId, withinTenant } from '../../../kernel/database/columns.js'
import { conversations } from '../table.js'

/**
 * The messages of a conversation, numbered from 1. A deleted message keeps its position and its number, and
 * loses its content.
 *
 * Each write, edit and deletion takes the next change number of the conversation. A message keeps the number of its creation
 * and that of its latest change, so the table is also the log of changes, with at most two entries for each message.
 *
 * When a row is deleted, the migration sets only the `reply_to` of its replies to null, and not the other two columns of the
 * foreign key.
 */
export const messages = pgTable(
  'messages',
  {
    tenant_id: tenantId(),
    id: uuid('id').notNull(),
    conversation_id: uuid('conversation_id').notNull(),
    seq: integer('seq').notNull(),
    /** The change number of the creation. */
    created_change: integer('created_change').notNull(),
    /** The change number of the latest change. */
    change: integer('change').notNull(),
    author_kind: text('author_kind').$type<AuthorKind>().notNull(),
    /** Not a foreign key: a message stays when its author is deleted. */
    author_id: text('author_id').notNull(),
    /** The key that sent it, as itself or for a customer. */
    key_id: text('key_id'),
    /** The content as it was sent; null once the message is deleted. */
    content: text('content'),
    reply_to: uuid('reply_to'),
    created_at: instant('created_at').notNull(),
    edited_at: instant('edited_at'),
    deleted_at: instant('deleted_at'),
  },
  (t) => [
    primaryKey({ name: 'messages_pkey', columns: [t.tenant_id, t.id] }),
    uniqueIndex('messages_seq_key').on(t.tenant_id, t.conversation_id, t.seq),
    uniqueIndex('messages_created_change_key').on(t.tenant_id, t.conversation_id, t.created_change),
    uniqueIndex('messages_change_key').on(t.tenant_id, t.conversation_id, t.change),
    // The foreign key of replies looks for the replies to each row that is deleted.
    index('messages_reply_to_index')
      .on(t.tenant_id, t.conversation_id, t.reply_to)
      .where(sql`${t.reply_to} is not null`),
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
    }).onDelete('set null'),
    check('messages_author_kind_check', isOneOf(t.author_kind, AUTHOR_KINDS)),
    check('messages_change_check', sql`${t.seq} <= ${t.created_change} and ${t.created_change} <= ${t.change}`),
    check('messages_content_check', sql`(${t.content} is null) = (${t.deleted_at} is not null)`),
  ],
)

export type MessageRow = typeof messages.$inferSelect
