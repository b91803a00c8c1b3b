import { customType, foreignKey, type PgColumn, uuid } from 'drizzle-orm/pg-core'

/**
 * A point in time: `timestamptz` with milliseconds in the database, ISO 8601 in UTC everywhere else.
 *
 * Written this way, two of them compare as text, and a record goes out as it is.
 */
export const instant = customType<{ data: string; driverData: string }>({
  dataType: () => 'timestamp (3) with time zone',
  fromDriver: (value) => toInstant(value),
})

/** ISO 8601 in UTC for what a driver returns as a timestamp. */
export function toInstant(value: string | Date): string {
  return new Date(value).toISOString()
}

/** Bytes; the embedded engine returns a Uint8Array where the pooled one returns a Buffer. */
export const bytes = customType<{ data: Buffer; driverData: Uint8Array }>({
  dataType: () => 'bytea',
  fromDriver: (value) => Buffer.from(value),
})

/** The column that says whose row it is; the isolation helper builds its policy on this name. */
export const tenantId = () => uuid('tenant_id').notNull()

/** A foreign key within a tenant: it names the tenant too, so that a row cannot point across the wall. */
export function withinTenant(
  name: string,
  columns: [PgColumn, ...PgColumn[]],
  foreignColumns: [PgColumn, ...PgColumn[]],
) {
  return foreignKey({ name, columns, foreignColumns: foreignColumns as never }).onDelete('cascade')
}
