import type { Database, Row } from '../../src/kernel/database/database.js'
import { openEmbeddedTest } from './embedded-database.js'
import { openServerTest } from './server-database.js'

/** A migrated database without rows, with access around row-level security for preparing and inspecting rows. */
export interface TestDatabase {
  readonly database: Database
  /** Runs statements as the owner, who is not bound by row-level security. */
  readonly sql: (text: string) => Promise<Row[]>
  /** The URL that the gateway logs in with; undefined when embedded. */
  readonly url: string | undefined
  /** @throws if a table, a role, a setting or another object differs from the state after the migrations */
  readonly close: () => Promise<void>
}

/**
 * Opens a database: on PostgreSQL when TEST_DATABASE_URL names a server, in memory otherwise.
 *
 * On a server each database is a new copy of a template. In memory a copy takes a second, so `close` removes all rows
 * and the process gives the same database to the next test file.
 */
export async function openTestDatabase(): Promise<TestDatabase> {
  const server = process.env.TEST_DATABASE_URL
  const opened = server === undefined ? await openEmbeddedTest() : await openServerTest(server)
  return {
    ...opened,
    // A change past the gateway holds within one lease. Tests do not wait for that.
    async sql(text) {
      const rows = await opened.sql(text)
      await Promise.all([...opened.database.fact_watchers].map((catchUp) => catchUp()))
      return rows
    },
  }
}
