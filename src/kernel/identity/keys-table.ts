import { sql } from 'drizzle-orm'
import {
  bigint,
  check,
  foreignKey,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { bytes, instant, tenantId } from '../database/columns.js'
import { tenants } from './tenants-table.js'

/** A tenant key, as `X-TENANT-API-KEY` names it. The table does not hold its secret. */
export const tenant_keys = pgTable(
  'tenant_keys',
  {
    tenant_id: tenantId(),
    /** 12 base62 characters, which are a part of the key. */
    id: text('id').notNull(),
    name: text('name').notNull(),
    /** The scopes of the key without a user. They do not add to the scopes of a user. */
    scopes: text('scopes').array().notNull().default(sql`'{}'`),
    /** SHA-256 of the secret. 256 random bits need no slow hash. */
    secret_digest: bytes('secret_digest').notNull(),
    secret_last_four: text('secret_last_four').notNull(),
    /** The creation of the current secret, and its use since then, written in batches. */
    secret_created_at: instant('secret_created_at').notNull(),
    secret_last_used_at: instant('secret_last_used_at'),
    secret_requests: bigint('secret_requests', { mode: 'number' }).notNull().default(0),
    /** The previous secret during the overlap of a rotation. The columns cannot hold a third secret. */
    previous_digest: bytes('previous_digest'),
    previous_last_four: text('previous_last_four'),
    previous_created_at: instant('previous_created_at'),
    previous_expires_at: instant('previous_expires_at'),
    previous_last_used_at: instant('previous_last_used_at'),
    previous_requests: bigint('previous_requests', { mode: 'number' }).notNull().default(0),
    allowed_cidrs: text('allowed_cidrs').array(),
    requests_per_minute: integer('requests_per_minute'),
    created_by: uuid('created_by'),
    created_at: instant('created_at').notNull(),
    expires_at: instant('expires_at'),
    disabled_at: instant('disabled_at'),
    /** The row of a revoked key stays, so that audit events about the key keep their target. */
    revoked_at: instant('revoked_at'),
  },
  (t) => [
    primaryKey({ name: 'tenant_keys_pkey', columns: [t.tenant_id, t.id] }),
    uniqueIndex('tenant_keys_id_key').on(t.id),
    // A tenant has at most 200 keys that are not revoked, and any number of revoked ones.
    index('tenant_keys_unrevoked_index').on(t.tenant_id, t.id).where(sql`${t.revoked_at} is null`),
    foreignKey({ name: 'tenant_keys_tenant_id_fkey', columns: [t.tenant_id], foreignColumns: [tenants.id] }),
    check(
      'tenant_keys_previous_check',
      sql`(${t.previous_digest} is null) = (${t.previous_expires_at} is null) and (${t.previous_digest} is null) = (${t.previous_last_four} is null)`,
    ),
    check('tenant_keys_requests_per_minute_check', sql`${t.requests_per_minute} > 0`),
  ],
)

export type TenantKeyRow = typeof tenant_keys.$inferSelect
