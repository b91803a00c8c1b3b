import { fillPlaceholders, type Placeholder, type Query, type SQL, sql } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import { drizzle, type PgRemoteDatabase } from 'drizzle-orm/pg-proxy'
import type { Run, Statement } from './database.js'

/** The query builder. It runs each statement with `run`. */
export type Queries = PgRemoteDatabase<Record<string, never>> & {
  /** Runs a compiled statement. It returns the rows as the driver parses them, which is the form of a record. */
  run<Row>(statement: StatementOf<Row>): Promise<Row[]>
}

/** A statement with the type of its rows. */
export interface StatementOf<Row> extends Statement {
  readonly row_mode: 'object'
  /** Never set: it carries the row type for the compiler. */
  readonly row?: Row
}

const dialect = new PgDialect()
const sharedDialect = () => dialect

/** Makes a query builder that runs statements with `run`. It is cheap enough for every unit of work. */
export function queriesOn(run: Run): Queries {
  const queries = drizzle(
    async (text, values, method) => ({
      rows: await run({ text, values, row_mode: method === 'execute' ? 'object' : 'array' }),
    }),
    {},
    sharedDialect,
  )
  return Object.assign(queries, { run: run as Queries['run'] })
}

/** A select, or a write that returns rows. */
interface Returning<Row> {
  getSQL(): SQL
  readonly _: { readonly result: Row[] }
}

/** A placeholder for each value, and undefined for an optional value that is missing. */
type Given<Values> = {
  readonly [Name in keyof Values]: undefined extends Values[Name] ? Placeholder | undefined : Placeholder
}

/**
 * Compiles a statement: its text is built once per shape and not for every request. A shape is the set of optional values
 * that are given.
 *
 * The statement must return whole columns under their own names, because the result is not mapped after the driver.
 */
export function compiled<Values extends object, Row>(
  build: (given: Given<Values>) => Returning<Row> | SQL<Row>,
): (values: Values) => StatementOf<Row> {
  const shapes = new Map<string, Query>()
  return (values) => {
    const named = Object.entries(values).filter(([, value]) => value !== undefined)
    const shape = named.map(([name]) => name).join()
    let query = shapes.get(shape)
    if (query === undefined) {
      const given = Object.fromEntries(named.map(([name]) => [name, sql.placeholder(name)])) as Given<Values>
      query = dialect.sqlToQuery(build(given).getSQL())
      shapes.set(shape, query)
    }
    return { text: query.sql, values: fillPlaceholders(query.params, Object.fromEntries(named)), row_mode: 'object' }
  }
}
