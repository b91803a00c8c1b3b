import { lt, type SQL } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'

/** Returns the LIKE pattern for values that contain a text. It escapes the wildcards in the text. */
export function anywhere(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
}

/** Selects, in a list by descending id, the rows after the one with this id. Without an id it selects all rows. */
export function afterId(id: PgColumn, after_id: string | undefined): SQL | undefined {
  return after_id === undefined ? undefined : lt(id, after_id)
}
