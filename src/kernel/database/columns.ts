import { type SQL, sql } from 'drizzle-orm'
import { customType, foreignKey, type PgColumn, uuid } from 'drizzle-orm/pg-core'

/**
 * A point in time: `timestamptz` with milliseconds in the database, ISO 8601 in UTC everywhere else.
 *
 * In this form, two instants compare as text, and a record needs no conversion before it is sent.
 */
export const instant = customType<{ data: string; driverData: string }>({
  dataType: () => 'timestamp (3) with time zone',
})

/** How PostgreSQL writes a point in time in a session whose time zone is UTC. */
const UTC = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,3})?\+00$/

/** Converts a timestamp of the database to ISO 8601 in UTC. Both engines use it as the parser of that type. */
export function toInstant(value: string): string {
  if (!UTC.test(value)) return new Date(value).toISOString()
  const time = value.slice(11, -3)
  return `${value.slice(0, 10)}T${time.length === 8 ? `${time}.000` : time.padEnd(12, '0')}Z`
}

/** Bytes. The embedded engine returns a Uint8Array, and the pooled engine returns a Buffer. */
export const bytes = customType<{ data: Buffer; driverData: Uint8Array }>({
  dataType: () => 'bytea',
  fromDriver: (value) => Buffer.from(value),
})

/** The column with the tenant of a row. The isolation helper builds its policy on this name. */
export const tenantId = () => uuid('tenant_id').notNull()

/** The condition of a check: the column holds one of these values, which are names in the code and need no quoting. */
export function isOneOf(column: PgColumn, values: readonly string[]): SQL {
  return sql`${column} in (${sql.raw(values.map((value) => `'${value}'`).join(', '))})`
}

/** A foreign key within a tenant. It includes the tenant, so that a row cannot refer to a row of another tenant. */
export function withinTenant(
  name: string,
  columns: [PgColumn, ...PgColumn[]],
  foreignColumns: [PgColumn, ...PgColumn[]],
) {
  return foreignKey({ name, columns, foreignColumns: foreignColumns as never }).onDelete('cascade')
}
