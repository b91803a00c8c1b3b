import { sql } from 'drizzle-orm'
import { check, foreignKey, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { instant, tenantId } from '../database/columns.js'
import type { SystemRole } from '../permissions/roles.js'
import { tenants } from './tenants-table.js'

/** A role of a tenant: a system role by its code, or a custom role with its own scopes. */
export const roles = pgTable(
  'roles',
  {
    tenant_id: tenantId(),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    system_role: text('system_role').$type<SystemRole>(),
    scopes: text('scopes').array().notNull().default(sql`'{}'`),
    /** The number of the version. The ETag is made from it. */
    version: integer('version').notNull().default(1),
    created_at: instant('created_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'roles_pkey', columns: [t.tenant_id, t.id] }),
    uniqueIndex('roles_name_key').on(t.tenant_id, sql`lower(${t.name})`),
    uniqueIndex('roles_system_role_key').on(t.tenant_id, t.system_role),
    foreignKey({ name: 'roles_tenant_id_fkey', columns: [t.tenant_id], foreignColumns: [tenants.id] }),
    check('roles_system_scopes_check', sql`${t.system_role} is null or ${t.scopes} = '{}'`),
  ],
)

export type RoleRow = typeof roles.$inferSelect
