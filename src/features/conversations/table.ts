import { sql } from 'drizzle-orm'
import { check, foreignKey, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { instant, isOneOf, tenantId, withinTenant } from '../../kernel/database/columns.js'
import { memberships } from '../../kernel/identity/memberships-table.js'
import { tenants } from '../../kernel/identity/tenants-table.js'
import { customers } from '../customers/table.js'

export const CHANNELS = ['web', 'whatsapp', 'sms', 'email', 'api'] as const
export type Channel = (typeof CHANNELS)[number]

export const CONVERSATION_STATUSES = ['open', 'pending', 'handoff', 'closed'] as const
export type ConversationStatus = (typeof CONVERSATION_STATUSES)[number]

export const VISIBILITIES = ['tenant', 'members'] as const
export type Visibility = (typeof VISIBILITIES)[number]

export const CONVERSATION_ROLES = ['owner', 'moderator', 'member'] as const
export type ConversationRole = (typeof CONVERSATION_ROLES)[number]

/**
 * A conversation between members of a tenant and, usually, one of its customers.
 *
 * When a customer or an assignee is deleted, the migration sets only the referring column to null. The foreign key that
 * drizzle generates would set the tenant to null too.
 */
export const conversations = pgTable(
  'conversations',
  {
    tenant_id: tenantId(),
    id: uuid('id').notNull(),
    title: text('title').notNull(),
    customer_id: uuid('customer_id'),
    channel: text('channel').$type<Channel>().notNull(),
    status: text('status').$type<ConversationStatus>().notNull(),
    /** The assigned user; null without an assignment. */
    assignee_id: uuid('assignee_id'),
    visibility: text('visibility').$type<Visibility>().notNull(),
    /** The seq of the newest message. The transaction of a new message takes the next number. */
    last_seq: integer('last_seq').notNull().default(0),
    /** The number of the newest change of a message. The transaction of a change takes the next number. */
    last_change: integer('last_change').notNull().default(0),
    /** The time of the newest message, or of the opening. Lists are ordered by it if the caller asks for no other order. */
    last_activity_at: instant('last_activity_at').notNull(),
    /** The number of the version of the conversation, without its messages. The ETag is made from it. */
    version: integer('version').notNull().default(1),
    created_at: instant('created_at').notNull(),
    updated_at: instant('updated_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'conversations_pkey', columns: [t.tenant_id, t.id] }),
    index('conversations_activity_index').on(t.tenant_id, t.last_activity_at, t.id),
    index('conversations_created_at_index').on(t.tenant_id, t.created_at, t.id),
    index('conversations_customer_id_index').on(t.tenant_id, t.customer_id),
    index('conversations_assignee_id_index').on(t.tenant_id, t.assignee_id),
    foreignKey({ name: 'conversations_tenant_id_fkey', columns: [t.tenant_id], foreignColumns: [tenants.id] }),
    foreignKey({
      name: 'conversations_customer_fkey',
      columns: [t.tenant_id, t.customer_id],
      foreignColumns: [customers.tenant_id, customers.id],
    }).onDelete('set null'),
    foreignKey({
      name: 'conversations_assignee_fkey',
      columns: [t.tenant_id, t.assignee_id],
      foreignColumns: [memberships.tenant_id, memberships.user_id],
    }).onDelete('set null'),
    check('conversations_channel_check', isOneOf(t.channel, CHANNELS)),
    check('conversations_status_check', isOneOf(t.status, CONVERSATION_STATUSES)),
    check('conversations_visibility_check', isOneOf(t.visibility, VISIBILITIES)),
    check('conversations_last_change_check', sql`${t.last_change} >= ${t.last_seq}`),
  ],
)

/** The members of a conversation. A user who leaves the tenant leaves its conversations. */
export const conversation_members = pgTable(
  'conversation_members',
  {
    tenant_id: tenantId(),
    conversation_id: uuid('conversation_id').notNull(),
    user_id: uuid('user_id').notNull(),
    role: text('role').$type<ConversationRole>().notNull(),
    created_at: instant('created_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'conversation_members_pkey', columns: [t.tenant_id, t.conversation_id, t.user_id] }),
    index('conversation_members_user_id_index').on(t.tenant_id, t.user_id),
    ofConversation('conversation_members', [t.tenant_id, t.conversation_id]),
    withinTenant(
      'conversation_members_membership_fkey',
      [t.tenant_id, t.user_id],
      [memberships.tenant_id, memberships.user_id],
    ),
    check('conversation_members_role_check', isOneOf(t.role, CONVERSATION_ROLES)),
  ],
)

/** Read markers. They are not columns of members, because users who are not members read a conversation of the whole tenant. */
export const read_markers = pgTable(
  'read_markers',
  {
    tenant_id: tenantId(),
    conversation_id: uuid('conversation_id').notNull(),
    user_id: uuid('user_id').notNull(),
    seq: integer('seq').notNull(),
    updated_at: instant('updated_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'read_markers_pkey', columns: [t.tenant_id, t.conversation_id, t.user_id] }),
    ofConversation('read_markers', [t.tenant_id, t.conversation_id]),
    withinTenant(
      'read_markers_membership_fkey',
      [t.tenant_id, t.user_id],
      [memberships.tenant_id, memberships.user_id],
    ),
  ],
)

/** The foreign key of a row to its conversation in the same tenant. */
function ofConversation(table: string, columns: Parameters<typeof withinTenant>[1]) {
  return withinTenant(`${table}_conversation_fkey`, columns, [conversations.tenant_id, conversations.id])
}

export type ConversationRow = typeof conversations.$inferSelect
export type ReadMarkerRow = typeof read_markers.$inferSelect
