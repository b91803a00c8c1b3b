import { setImmediate as turn } from 'node:timers/promises'
import { type AnyColumn, type Placeholder, type SQL, sql } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import type { TObject } from 'typebox'

/**
 * A page of a list that PostgreSQL writes as JSON. The gateway passes the text on, instead of parsing each column of each
 * row and writing it again, which was most of the cost of a list.
 *
 * The text has the bytes that the serialiser of the route writes. A property test compares both.
 */

/** Stands before and after the JSON that a customer wrote. JSON text cannot contain it, because JSON escapes it in strings. */
const MARK = '\u0001'

/** After so many characters other requests have their turn. A page can have 1.7 million, which take 50 ms. */
const TURN_CHARACTERS = 65_536

/** A page of a list as JSON. */
export interface Documents {
  /** The objects, with commas between them. */
  readonly text: string
  /** The id that the next page continues after. Undefined at the end of the list. */
  readonly continues_at: string | undefined
}

/** A page as PostgreSQL returns it: one row. */
export interface DocumentsRow {
  /** The documents, with commas between them. Null without rows. */
  readonly documents: string | null
  /** The id of the last row of a full page. */
  readonly last_id: string | null
  readonly has_more: boolean
}

/**
 * Writes the rows of a schema's objects as JSON, with its properties in its order.
 *
 * @param schema the object of the response. Each property must be a column of the table, under the same name.
 * @throws Error when the module is loaded, if a property is no column, or if its column has no form in JSON.
 */
export function documentOf(schema: TObject, table: PgTable): SQL<string> {
  const columns = table as unknown as Record<string, AnyColumn | undefined>
  const parts = Object.keys(schema.properties).map((name, index) => {
    const column = columns[name]
    if (column === undefined) throw new Error(`a document needs a column for ${name}`)
    const before = `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`
    return sql`${sql.raw(quoted(before))} || ${orNull(column, jsonOf(column))}`
  })
  return sql<string>`${sql.join(parts, sql` || `)} || '}'`
}

/**
 * Selects a page as one row.
 *
 * @param rows selects one row more than `limit`, in the order of the list, with the columns `id` and `document`
 */
export function pageOfDocuments(rows: { getSQL(): SQL }, limit: Placeholder): SQL<DocumentsRow> {
  return sql<DocumentsRow>`select array_to_string((array_agg(document))[:${limit}::int], ',') as documents, \
(array_agg(id))[${limit}::int]::text as last_id, count(*) > ${limit}::int as has_more from (${rows.getSQL()}) as page`
}

/** Reads the one row of a page. @param searched_to as in `pageOf` */
export async function documentsOf([row]: readonly DocumentsRow[], searched_to?: string): Promise<Documents> {
  const { documents, last_id, has_more } = row as DocumentsRow
  return { text: await asJavaScriptWrites(documents ?? ''), continues_at: has_more ? (last_id as string) : searched_to }
}

/**
 * Writes the marked JSON as JavaScript writes it. PostgreSQL puts spaces into a `jsonb`, writes large numbers with all their
 * digits, and has another order of names that are numbers.
 */
async function asJavaScriptWrites(text: string): Promise<string> {
  let written = ''
  let position = 0
  let turn_at = TURN_CHARACTERS
  for (;;) {
    const begin = text.indexOf(MARK, position)
    if (begin < 0) return written + text.slice(position)
    const end = text.indexOf(MARK, begin + 1)
    const json = text.slice(begin + 1, end)
    written += text.slice(position, begin) + (json === '{}' ? json : JSON.stringify(JSON.parse(json)))
    position = end + 1
    if (position > turn_at) {
      turn_at = position + TURN_CHARACTERS
      await turn()
    }
  }
}

function jsonOf(column: AnyColumn): SQL {
  switch (column.columnType) {
    case 'PgUUID':
      return sql`'"' || ${column} || '"'`
    case 'PgText':
    case 'PgArray':
      return sql`to_json(${column})::text`
    case 'PgInteger':
      return sql`${column}::text`
    case 'PgJsonb':
      return sql`${sql.raw(`E'\\x01'`)} || ${column}::text || ${sql.raw(`E'\\x01'`)}`
    default:
      if (column.getSQLType() === 'timestamp (3) with time zone')
        return sql`coalesce('"' || to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"', 'null')`
      throw new Error(`a document cannot contain ${column.name}, which is ${column.getSQLType()}`)
  }
}

function orNull(column: AnyColumn, json: SQL): SQL {
  return column.notNull ? sql`(${json})` : sql`coalesce(${json}, 'null')`
}

/** A text of the code as a literal of SQL. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
