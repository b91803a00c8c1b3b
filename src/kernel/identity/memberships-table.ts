import { sql } from 'drizzle-orm'
import { check, foreignKey, index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { instant, isOneOf, tenantId, withinTenant } from '../database/columns.js'
import { OVERRIDE_EFFECTS, type OverrideEffect } from '../permissions/evaluate.js'
import { roles } from './roles-table.js'
import { tenants } from './tenants-table.js'
import { users } from './users-table.js'

export const MEMBERSHIP_STATES = ['active', 'pending', 'disabled'] as const
export type MembershipState = (typeof MEMBERSHIP_STATES)[number]

/**
 * The membership of a user in a tenant (TenantUser). It is pending until the user accepts it. The role of tenants can write
 * no `accepted_at`, so no tenant can make a user its member without the consent of the user.
 */
export const memberships = pgTable(
  'memberships',
  {
    tenant_id: tenantId(),
    user_id: uuid('user_id').notNull(),
    state: text('state').$type<MembershipState>().notNull(),
    created_at: instant('created_at').notNull(),
    /** When the user consented. Null for a pending membership. */
    accepted_at: instant('accepted_at'),
    /** The member who offers a pending membership with its roles. Null for the gateway itself, or an operator. */
    invited_by: uuid('invited_by'),
  },
  (t) => [
    primaryKey({ name: 'memberships_pkey', columns: [t.tenant_id, t.user_id] }),
    index('memberships_user_id_index').on(t.user_id),
    foreignKey({ name: 'memberships_tenant_id_fkey', columns: [t.tenant_id], foreignColumns: [tenants.id] }),
    foreignKey({ name: 'memberships_user_id_fkey', columns: [t.user_id], foreignColumns: [users.id] }),
    check('memberships_state_check', isOneOf(t.state, MEMBERSHIP_STATES)),
    check('memberships_consent_check', sql`(${t.state} = 'pending') = (${t.accepted_at} is null)`),
  ],
)

/** The roles of a membership. */
export const membership_roles = pgTable(
  'membership_roles',
  { tenant_id: tenantId(), user_id: uuid('user_id').notNull(), role_id: uuid('role_id').notNull() },
  (t) => [
    primaryKey({ name: 'membership_roles_pkey', columns: [t.tenant_id, t.user_id, t.role_id] }),
    withinTenant(
      'membership_roles_membership_fkey',
      [t.tenant_id, t.user_id],
      [memberships.tenant_id, memberships.user_id],
    ),
    withinTenant('membership_roles_role_fkey', [t.tenant_id, t.role_id], [roles.tenant_id, roles.id]),
  ],
)

/** A grant or a deny of one scope on one membership. */
export const overrides = pgTable(
  'overrides',
  {
    tenant_id: tenantId(),
    user_id: uuid('user_id').notNull(),
    scope: text('scope').notNull(),
    effect: text('effect').$type<OverrideEffect>().notNull(),
    reason: text('reason').notNull(),
    created_at: instant('created_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'overrides_pkey', columns: [t.tenant_id, t.user_id, t.scope] }),
    withinTenant('overrides_membership_fkey', [t.tenant_id, t.user_id], [memberships.tenant_id, memberships.user_id]),
    check('overrides_effect_check', isOneOf(t.effect, OVERRIDE_EFFECTS)),
  ],
)
