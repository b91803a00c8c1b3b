import { foreignKey, index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, instant, tenantId, withinTenant } from '../../../kernel/database/columns.js'
import { memberships } from '../../../kernel/identity/memberships-table.js'
import { sessions } from '../../../kernel/identity/users-table.js'
import { conversations } from '../table.js'

/**
 * Tickets that open a stream for a browser, which cannot send headers. A ticket is stored by the SHA-256 of its secret. It is
 * for one user, one session and one conversation, and works once within seconds.
 */
export const stream_tickets = pgTable(
  'stream_tickets',
  {
    tenant_id: tenantId(),
    id: uuid('id').notNull(),
    digest: bytes('digest').notNull(),
    conversation_id: uuid('conversation_id').notNull(),
    user_id: uuid('user_id').notNull(),
    session_id: uuid('session_id').notNull(),
    /** The tenant key of the request for the ticket. When it is revoked, the stream ends. */
    key_id: text('key_id').notNull(),
    /** The digest of the secret of that key. When the secret ends after a rotation, the stream ends. */
    key_digest: bytes('key_digest').notNull(),
    /** The expiry of the access token of the request for the ticket. The stream ends then. */
    token_expires_at: instant('token_expires_at').notNull(),
    created_at: instant('created_at').notNull(),
    expires_at: instant('expires_at').notNull(),
    used_at: instant('used_at'),
  },
  (t) => [
    primaryKey({ name: 'stream_tickets_pkey', columns: [t.tenant_id, t.id] }),
    uniqueIndex('stream_tickets_digest_key').on(t.digest),
    index('stream_tickets_expires_at_index').on(t.expires_at),
    withinTenant(
      'stream_tickets_conversation_fkey',
      [t.tenant_id, t.conversation_id],
      [conversations.tenant_id, conversations.id],
    ),
    withinTenant(
      'stream_tickets_membership_fkey',
      [t.tenant_id, t.user_id],
      [memberships.tenant_id, memberships.user_id],
    ),
    foreignKey({
      name: 'stream_tickets_session_id_fkey',
      columns: [t.session_id],
      foreignColumns: [sessions.id],
    }).onDelete('cascade'),
  ],
)
