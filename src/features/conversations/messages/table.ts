import { sql } from 'drizzle-orm'
import { check, foreignKey, integer, pgTable, primaryKey, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { AUTHOR_KINDS, type AuthorKind } from '../../../contract/kinds.js'
import { instant, isOneOf, tenantId, withinTenant } from '../../../kernel/database/columns.js'
import { conversations } from '../table.js'

/**
 * The messages of a conversation, numbered from 1 without gaps. A deleted message keeps its position and its number, and
 * loses its content.
 */
export const messages = pgTable(
  'messages',
  {
    tenant_id: tenantId(),
    id: uuid('id').notNull(),
    conversation_id: uuid('conversation_id').notNull(),
    seq: integer('seq').notNull(),
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

export type MessageRow = typeof messages.$inferSelect
