import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { instant } from '../database/columns.js'

/** A tenant of the platform. `X-TENANT-ID` holds its id. */
export const tenants = pgTable(
  'tenants',
  {
    id: uuid('id').primaryKey(),
    name: text('name').notNull(),
    /** The name of the plan, for operators. Its limits are in the columns of the budgets. */
    plan: text('plan').notNull().default('standard'),
    /** Exact origins of browser pages that may call on behalf of this tenant. */
    allowed_origins: text('allowed_origins').array().notNull().default(sql`'{}'`),
    /** The budget of the plan. Null means `BUDGET_TENANT`. */
    requests_per_minute: integer('requests_per_minute'),
    trial_ends_at: instant('trial_ends_at'),
    suspended_at: instant('suspended_at'),
    suspended_until: instant('suspended_until'),
    suspension_reason: text('suspension_reason'),
    /** The age in days at which messages are deleted. Null: they are kept. */
    retention_messages_days: integer('retention_messages_days'),
    /** The age in days at which audit events of the data plane are erased. Null: they are kept. */
    retention_data_audit_days: integer('retention_data_audit_days'),
    /** The age in days at which usage counters are deleted. Null: they are kept. */
    retention_usage_days: integer('retention_usage_days'),
    /** Before this moment nothing expires. A trigger sets it to 24 hours after a change that shortens a retention. */
    retention_from: instant('retention_from'),
    deleted_at: instant('deleted_at'),
    created_at: instant('created_at').notNull(),
  },
  (t) => [
    index('tenants_allowed_origins_index').using('gin', t.allowed_origins),
    check(
      'tenants_suspension_check',
      sql`${t.suspended_at} is not null or (${t.suspended_until} is null and ${t.suspension_reason} is null)`,
    ),
    check('tenants_requests_per_minute_check', sql`${t.requests_per_minute} > 0`),
    check(
      'tenants_retention_check',
      sql`${t.retention_messages_days} between 1 and 3650 and ${t.retention_data_audit_days} between 1 and 3650 and ${t.retention_usage_days} between 1 and 3650`,
    ),
  ],
)

export type TenantRow = typeof tenants.$inferSelect
