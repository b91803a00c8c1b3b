import { PgDialect } from 'drizzle-orm/pg-core'
import { drizzle, type PgRemoteDatabase } from 'drizzle-orm/pg-proxy'
import type { Run } from './database.js'

/** The query builder, running each statement where `run` sends it. */
export type Queries = PgRemoteDatabase<Record<string, never>>

const dialect = new PgDialect()
const sharedDialect = () => dialect

/** A query builder over one place to run statements in; cheap enough to make one for every unit of work. */
export function queriesOn(run: Run): Queries {
  return drizzle(
    async (text, values, method) => ({
      rows: await run({ text, values, row_mode: method === 'execute' ? 'object' : 'array' }),
    }),
    {},
    sharedDialect,
  )
}
