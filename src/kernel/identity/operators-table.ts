import { sql } from 'drizzle-orm'
import { check, foreignKey, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { instant } from '../database/columns.js'
import { users } from './users-table.js'

/**
 * The operators of the platform, and the users to whom an operator offers to become one. The gateway reads privileges from
 * here at each request. A user who has not accepted has no `privileges`: what is offered is in another column, which gives
 * nothing.
 */
export const operators = pgTable(
  'operators',
  {
    user_id: uuid('user_id').primaryKey(),
    /** What the operator may do. Null until the user accepts. */
    privileges: text('privileges').array(),
    created_at: instant('created_at').notNull(),
    /** When the user consented. Null for an offer. */
    accepted_at: instant('accepted_at'),
    /** What the user may accept. Null after that. */
    offered_privileges: text('offered_privileges').array(),
    /** The operator who made the offer. Null for the gateway itself. */
    offered_by: uuid('offered_by'),
  },
  (t) => [
    foreignKey({ name: 'operators_user_id_fkey', columns: [t.user_id], foreignColumns: [users.id] }),
    check(
      'operators_consent_check',
      sql`(${t.accepted_at} is null) = (${t.privileges} is null) and (${t.accepted_at} is null) = (${t.offered_privileges} is not null)`,
    ),
  ],
)
