import { foreignKey, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { instant } from '../database/columns.js'
import { users } from './users-table.js'

/** The operators of the platform. The gateway reads their privileges from here at each request. */
export const operators = pgTable(
  'operators',
  {
    user_id: uuid('user_id').primaryKey(),
    privileges: text('privileges').array().notNull(),
    created_at: instant('created_at').notNull(),
  },
  (t) => [foreignKey({ name: 'operators_user_id_fkey', columns: [t.user_id], foreignColumns: [users.id] })],
)
