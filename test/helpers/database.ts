import type { Database, Row } from '../../src/kernel/database/database.js'
import { openEmbeddedTest } from './embedded-database.js'
import { openServerTest } from './server-database.js'

/** A migrated database without rows, and a way around the wall for arranging and inspecting. */
export interface TestDatabase {
  readonly database: Database
  /** Runs statements as the owner, who is not bound by row-level security. */
  readonly sql: (text: string) => Promise<Row[]>
  /** The URL that the gateway logs in with; undefined when embedded. */
  readonly url: string | undefined
  /** @throws when a table, a role, a setting or another object of the schema differs from what the migrations made. */
  readonly close: () => Promise<void>
}

/**
 * Opens a database: on PostgreSQL when TEST_DATABASE_URL names a server, in memory otherwise.
 *
 * On a server each database is new, a copy of a template. In memory a copy takes a second, so a process empties its
 * database when it is closed, and gives it to the next test file.
 */
export function openTestDatabase(): Promise<TestDatabase> {
  const server = process.env.TEST_DATABASE_URL
  return server === undefined ? openEmbeddedTest() : openServerTest(server)
}
