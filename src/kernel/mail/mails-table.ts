import { sql } from 'drizzle-orm'
import { boolean, check, foreignKey, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { bytes, instant, isOneOf, withinTenant } from '../database/columns.js'
import { invitations } from '../identity/invitations-table.js'
import { tenants } from '../identity/tenants-table.js'

/** The kinds of mails, the most urgent one first. */
export const MAIL_KINDS = ['password_reset', 'email_verification', 'invitation'] as const
export type MailKind = (typeof MAIL_KINDS)[number]

/**
 * The queue of mails. A row is written in the transaction that makes the link of the mail, and is deleted when the mail
 * server has accepted the mail, has refused it, or did neither in time.
 */
export const mails = pgTable(
  'mails',
  {
    id: uuid('id').primaryKey(),
    /** The tenant and the invitation of an invitation; null for the mails of users. */
    tenant_id: uuid('tenant_id'),
    invitation_id: uuid('invitation_id'),
    kind: text('kind').$type<MailKind>().notNull(),
    /** SHA-256 of the token in the mail. If the link has ended, the mail is not sent. */
    link_digest: bytes('link_digest').notNull(),
    /** SHA-256 of the address that the budget of a mailbox counts. */
    mailbox: bytes('mailbox').notNull(),
    /** The mail, encrypted, because it contains a link that works. */
    content: bytes('content').notNull(),
    /** The id of the key that encrypted the content. A replica takes only mails that it can decrypt. */
    sealed_by: text('sealed_by').notNull(),
    /** Whether the budget of the mailbox has counted the mail. */
    is_counted: boolean('is_counted').notNull(),
    tries: integer('tries').notNull().default(0),
    created_at: instant('created_at').notNull(),
    /** When a replica may take the mail. A replica that takes it moves this time forward, so that no other takes it too. */
    due_at: instant('due_at').notNull(),
    /** When the gateway gives up. Not after the link has expired. */
    expires_at: instant('expires_at').notNull(),
  },
  (t) => [
    index('mails_due_at_index').on(t.kind, t.due_at),
    index('mails_tenant_id_index').on(t.tenant_id, t.invitation_id),
    foreignKey({ name: 'mails_tenant_id_fkey', columns: [t.tenant_id], foreignColumns: [tenants.id] }),
    withinTenant('mails_invitation_fkey', [t.tenant_id, t.invitation_id], [invitations.tenant_id, invitations.id]),
    check('mails_kind_check', isOneOf(t.kind, MAIL_KINDS)),
    check(
      'mails_invitation_check',
      sql`(${t.kind} = 'invitation') = (${t.tenant_id} is not null) and (${t.tenant_id} is null) = (${t.invitation_id} is null)`,
    ),
  ],
)

/** How many mails of a kind went to a mailbox in the current window. All replicas and tenants share it. */
export const mailbox_counts = pgTable(
  'mailbox_counts',
  {
    kind: text('kind').$type<MailKind>().notNull(),
    mailbox: bytes('mailbox').notNull(),
    used: integer('used').notNull(),
    /** The end of the window. */
    expires_at: instant('expires_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'mailbox_counts_pkey', columns: [t.kind, t.mailbox] }),
    index('mailbox_counts_expires_at_index').on(t.expires_at),
    check('mailbox_counts_kind_check', isOneOf(t.kind, MAIL_KINDS)),
  ],
)
