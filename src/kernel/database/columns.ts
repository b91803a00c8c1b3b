import { customType, foreignKey, type PgColumn, uuid } from 'drizzle-orm/pg-core'

/**
 * A point in time: `timestamptz` with milliseconds in the database, ISO 8601 in UTC everywhere else.
 *
 * Written this way, two of them compare as text, and a record goes out as it is.
 */
export const instant = customType<{ data: string; driverData: string }>({
  dataType: () => 'timestamp (3) with time zone',
})

/** As PostgreSQL writes a point in time in a session whose time zone is UTC. */
const UTC = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,3})?\+00$/

/** ISO 8601 in UTC for what the database writes as a timestamp: the parser of that type, on both engines. */
export function toInstant(value: string): string {
  if (!UTC.test(value)) return new Date(value).toISOString()
  const time = value.slice(11, -3)
  return `${value.slice(0, 10)}T${time.length === 8 ? `${time}.000` : time.padEnd(12, '0')}Z`
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
