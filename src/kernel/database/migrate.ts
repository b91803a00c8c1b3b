import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { lazy } from '../lazy.js'
import type { Database } from './database.js'

const JOURNAL = 'gatehouse_migrations'

/** The migrations of this release, read once. */
const releaseMigrations = lazy(() => readMigrationFiles({ migrationsFolder: migrationsFolder() }))

/** The folder of the migrations. It is beside the folder of the sources, and beside the folders of what is compiled from them. */
export function migrationsFolder(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'migrations', 'meta'))) {
    if (folder === dirname(folder)) throw new Error(`there is no folder 'migrations' above ${import.meta.dirname}`)
    folder = dirname(folder)
  }
  return join(folder, 'migrations')
}

/**
 * Migrates the database to the schema of this release. Processes that start at the same time wait for an advisory lock.
 * Each migration and its line in the journal are one transaction.
 *
 * @returns the number of migrations that were applied
 */
export async function migrate(database: Database): Promise<number> {
  return database.owner.exclusively(async (query) => {
    await query(
      `create table if not exists ${JOURNAL} (hash text primary key, created_at bigint not null, applied_at timestamptz not null default now())`,
    )
    const applied = new Set((await query(`select hash from ${JOURNAL}`)).map((row) => row.hash))
    const pending = releaseMigrations().filter((migration) => !applied.has(migration.hash))
    for (const migration of pending) {
      const line = `insert into ${JOURNAL} (hash, created_at) values ('${migration.hash}', ${migration.folderMillis})`
      await inOneTransaction(query, [...migration.sql, line])
    }
    await query(
      `alter table ${JOURNAL} enable row level security;
       drop policy if exists platform_access on ${JOURNAL};
       create policy platform_access on ${JOURNAL} for select to gatehouse_platform using (true);
       grant select on ${JOURNAL} to gatehouse_platform`,
    )
    return pending.length
  })
}

async function inOneTransaction(
  query: (text: string) => Promise<unknown>,
  statements: readonly string[],
): Promise<void> {
  await query('begin')
  try {
    for (const statement of statements) await query(statement)
    await query('commit')
  } catch (error) {
    await query('rollback')
    throw error
  }
}

/**
 * Returns how many migrations of this release are missing. The running gateway may read that, but may not migrate.
 * @throws Error if the database only reads: after a failover a connection can be to a server that is a replica now
 */
export async function pendingMigrations(database: Database): Promise<number> {
  const ask = (text: string) =>
    database.readOne({ role: 'gatehouse_platform', share: 'readiness' }, { text, values: [], row_mode: 'object' })
  const [journal] = (await ask(
    `select to_regclass('${JOURNAL}')::text as name, current_setting('transaction_read_only') = 'on' as only_reads`,
  )) as { name: string | null; only_reads: boolean }[]
  if (journal?.only_reads) {
    await database.replaceIdle?.()
    throw new Error('the database only reads')
  }
  if (journal?.name === null) return releaseMigrations().length
  const rows = await ask(`select hash from ${JOURNAL}`)
  const applied = new Set((rows as { hash: string }[]).map((row) => row.hash))
  return releaseMigrations().filter((migration) => !applied.has(migration.hash)).length
}
