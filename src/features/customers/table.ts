import { sql } from 'drizzle-orm'
import { foreignKey, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { instant, tenantId } from '../../kernel/database/columns.js'
import { tenants } from '../../kernel/identity/tenants-table.js'

/** A customer of a tenant. */
export const customers = pgTable(
  'customers',
  {
    tenant_id: tenantId(),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    email: text('email'),
    /** E.164. */
    phone: text('phone'),
    /** The tenant's own id for this customer. */
    external_id: text('external_id'),
    tags: text('tags').array().notNull().default(sql`'{}'`),
    metadata: jsonb('metadata').$type<Record<string, unknown>>().notNull().default({}),
    /** The number of the version. The ETag is made from it. */
    version: integer('version').notNull().default(1),
    created_at: instant('created_at').notNull(),
    updated_at: instant('updated_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'customers_pkey', columns: [t.tenant_id, t.id] }),
    uniqueIndex('customers_email_key').on(t.tenant_id, sql`lower(${t.email})`),
    uniqueIndex('customers_phone_key').on(t.tenant_id, t.phone),
    uniqueIndex('customers_external_id_key').on(t.tenant_id, t.external_id),
    index('customers_tags_index').using('gin', t.tags),
    foreignKey({ name: 'customers_tenant_id_fkey', columns: [t.tenant_id], foreignColumns: [tenants.id] }),
  ],
)

export type CustomerRow = typeof customers.$inferSelect

/** A customer as a response contains it. */
export type CustomerRecord = Omit<CustomerRow, 'tenant_id'>
