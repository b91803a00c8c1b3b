import { lt, type SQL } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'

/**
 * The most rows that one request searches without an index for its filters. Such a search reads each row, so without a
 * limit one request could keep a connection and a core of the database busy for seconds.
 */
export const SEARCHED_ROWS_MAX = 10_000

/** Returns the LIKE pattern for values that contain a text. It escapes the wildcards in the text. */
export function anywhere(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
}

/** Selects, in a list by descending id, the rows after the one with this id. Without an id it selects all rows. */
export function afterId(id: PgColumn, after_id: string | undefined): SQL | undefined {
  return after_id === undefined ? undefined : lt(id, after_id)
}
