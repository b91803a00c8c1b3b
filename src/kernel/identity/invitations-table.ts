import { sql } from 'drizzle-orm'
import { check, foreignKey, index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytes, instant, isOneOf, tenantId, withinTenant } from '../database/columns.js'
import { roles } from './roles-table.js'
import { tenants } from './tenants-table.js'

/** What became of the mail of an invitation. `sent` means that the mail server accepted it. */
export const DELIVERY_STATES = ['queued', 'sent', 'failed'] as const
export type DeliveryState = (typeof DELIVERY_STATES)[number]

/** Why a mail was not delivered. */
export const DELIVERY_FAILURES = ['address_refused', 'mail_refused', 'timed_out', 'link_ended'] as const
export type DeliveryFailure = (typeof DELIVERY_FAILURES)[number]

/** An invitation by mail, by the SHA-256 of its token. Accepted, declined and revoked are final. */
export const invitations = pgTable(
  'invitations',
  {
    tenant_id: tenantId(),
    id: uuid('id').notNull(),
    /** Lower case, trimmed, NFC, as users.email. */
    email: text('email').notNull(),
    token_digest: bytes('token_digest').notNull(),
    invited_by: uuid('invited_by'),
    created_at: instant('created_at').notNull(),
    delivery_state: text('delivery_state').$type<DeliveryState>().notNull(),
    /** When the mail of the current link got its state. */
    delivery_at: instant('delivery_at').notNull(),
    delivery_failure: text('delivery_failure').$type<DeliveryFailure>(),
    expires_at: instant('expires_at').notNull(),
    accepted_at: instant('accepted_at'),
    declined_at: instant('declined_at'),
    revoked_at: instant('revoked_at'),
  },
  (t) => [
    primaryKey({ name: 'invitations_pkey', columns: [t.tenant_id, t.id] }),
    uniqueIndex('invitations_token_digest_key').on(t.token_digest),
    index('invitations_email_index').on(t.email),
    foreignKey({ name: 'invitations_tenant_id_fkey', columns: [t.tenant_id], foreignColumns: [tenants.id] }),
    check('invitations_delivery_state_check', isOneOf(t.delivery_state, DELIVERY_STATES)),
    check('invitations_delivery_failure_check', isOneOf(t.delivery_failure, DELIVERY_FAILURES)),
    check('invitations_delivery_check', sql`(${t.delivery_state} = 'failed') = (${t.delivery_failure} is not null)`),
  ],
)

/** The roles that the invited user will have. */
export const invitation_roles = pgTable(
  'invitation_roles',
  { tenant_id: tenantId(), invitation_id: uuid('invitation_id').notNull(), role_id: uuid('role_id').notNull() },
  (t) => [
    primaryKey({ name: 'invitation_roles_pkey', columns: [t.tenant_id, t.invitation_id, t.role_id] }),
    withinTenant(
      'invitation_roles_invitation_fkey',
      [t.tenant_id, t.invitation_id],
      [invitations.tenant_id, invitations.id],
    ),
    withinTenant('invitation_roles_role_fkey', [t.tenant_id, t.role_id], [roles.tenant_id, roles.id]),
  ],
)
