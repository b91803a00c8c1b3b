import { and, desc, gte, lt, or, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import type { Queries } from './queries.js'

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

/** A search in a list by descending id. */
interface SearchedList {
  /** The column with the id. Its table alone decides where a search stops. */
  readonly id: PgColumn
  /** The condition of the rows that the search may read: those of the tenant, after the last page. */
  readonly candidates: SQL | undefined
  /** The columns that are searched. They can be of another table, which the list joins. */
  readonly columns: readonly PgColumn[]
}

/** The condition of a search, and where it stops. */
export interface Search {
  readonly condition: SQL | undefined
  /** The id of the last row that the search reads, if there are rows after it. `pageOf` takes it. */
  readonly searched_to: string | undefined
}

/**
 * Prepares a search that reads at most SEARCHED_ROWS_MAX rows. A condition on a text inside of values has no index, and
 * row-level security keeps PostgreSQL from using one: ILIKE is not leakproof.
 *
 * @param text what the values contain. Undefined for no search.
 */
export async function searchOf(queries: Queries, text: string | undefined, list: SearchedList): Promise<Search> {
  if (text === undefined) return { condition: undefined, searched_to: undefined }
  const { id, candidates, columns } = list
  const [end] = await queries
    .select({ id: sql<string>`${id}` })
    .from(id.table)
    .where(candidates)
    .orderBy(desc(id))
    .limit(1)
    .offset(SEARCHED_ROWS_MAX - 1)
  const pattern = anywhere(text)
  const contains = or(...columns.map((column) => sql`${column} ilike ${pattern}`))
  return { condition: and(contains, end && gte(id, end.id)), searched_to: end?.id }
}
