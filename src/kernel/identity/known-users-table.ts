import { foreignKey, index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { tenantId } from '../database/columns.js'
import { tenants } from './tenants-table.js'
import { users } from './users-table.js'

/**
 * The names that a tenant sees: one row for each user who has accepted a membership of it. The row stays when the user leaves,
 * so that their messages and audit events keep a name, and it goes with the user.
 *
 * Triggers of the database write it, and no role of the gateway can. It follows each change of `users.name` in the same
 * transaction. The tenant sees a name here without the row of the user, which has the email address.
 */
export const known_users = pgTable(
  'known_users',
  {
    tenant_id: tenantId(),
    user_id: uuid('user_id').notNull(),
    name: text('name').notNull(),
  },
  (t) => [
    primaryKey({ name: 'known_users_pkey', columns: [t.tenant_id, t.user_id] }),
    // For a change of the name, and for the deletion of the user.
    index('known_users_user_id_index').on(t.user_id),
    foreignKey({ name: 'known_users_tenant_id_fkey', columns: [t.tenant_id], foreignColumns: [tenants.id] }),
    foreignKey({
      name: 'known_users_user_id_fkey',
      columns: [t.user_id],
      foreignColumns: [users.id],
    }).onDelete('cascade'),
  ],
)
