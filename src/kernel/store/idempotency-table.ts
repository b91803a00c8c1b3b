import { index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { bytes, instant, tenantId } from '../database/columns.js'

/**
 * Creating requests with an Idempotency-Key. The row is written in the transaction of the change, so that both are committed
 * or neither. The response is stored after it was sent.
 */
export const idempotency_records = pgTable(
  'idempotency_records',
  {
    /** The nil UUID for requests without a tenant. */
    tenant_id: tenantId(),
    principal: text('principal').notNull(),
    route: text('route').notNull(),
    key: text('key').notNull(),
    /** SHA-256 of the path and the body. */
    request_digest: bytes('request_digest').notNull(),
    status: integer('status'),
    /** The encrypted response. It may hold a key that is shown once. */
    answer: bytes('answer'),
    /** The id of the created object. When it is erased, the response is deleted. */
    object_id: text('object_id'),
    created_at: instant('created_at').notNull(),
    expires_at: instant('expires_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'idempotency_records_pkey', columns: [t.tenant_id, t.principal, t.route, t.key] }),
    index('idempotency_records_expires_at_index').on(t.expires_at),
    index('idempotency_records_object_id_index').on(t.tenant_id, t.object_id),
  ],
)
