import { bigint, doublePrecision, foreignKey, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { instant, tenantId } from '../../kernel/database/columns.js'
import { tenants } from '../../kernel/identity/tenants-table.js'

/** Requests of a tenant by hour, key, route template, status and problem code. Days and totals are sums of these. */
export const usage_hours = pgTable(
  'usage_hours',
  {
    tenant_id: tenantId(),
    hour: instant('hour').notNull(),
    /** The tenant key of the requests. Empty on the management plane, which has no key. */
    key_id: text('key_id').notNull(),
    /** Method and route template, such as `GET /v1/customers/:id`. */
    route: text('route').notNull(),
    status: integer('status').notNull(),
    /** The code of the problem. Empty for a successful response. */
    code: text('code').notNull(),
    requests: bigint('requests', { mode: 'number' }).notNull(),
    duration_ms_sum: doublePrecision('duration_ms_sum').notNull(),
    duration_ms_max: doublePrecision('duration_ms_max').notNull(),
  },
  (t) => [
    primaryKey({ name: 'usage_hours_pkey', columns: [t.tenant_id, t.hour, t.key_id, t.route, t.status, t.code] }),
    foreignKey({ name: 'usage_hours_tenant_id_fkey', columns: [t.tenant_id], foreignColumns: [tenants.id] }),
  ],
)
