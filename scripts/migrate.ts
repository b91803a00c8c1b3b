import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readEnvironment } from '../src/kernel/config/env.js'
import type { Database } from '../src/kernel/database/database.js'
import { migrate, migrationsFolder } from '../src/kernel/database/migrate.js'
import { openDatabase } from '../src/kernel/database/open.js'
import { run, storageOf } from './storage.js'

/** Applies the migrations of this release to the database of `DATABASE_URL`, as its owner, or to the one in `DATA_DIR`. */
await run(async () => {
  const storage = storageOf(readEnvironment())
  const database = await openDatabase(storage, () => undefined)
  try {
    const count = await migrate(database)
    for (const name of await lastApplied(database, count)) console.log(`applied ${name}`)
    console.log(count === 0 ? 'nothing to apply: the schema is that of this release' : `${count} applied`)
  } finally {
    await database.close()
  }
})

/** The names of the newest migrations, in the order in which they were applied. */
async function lastApplied(database: Database, count: number): Promise<string[]> {
  const journal = join(migrationsFolder(), 'meta', '_journal.json')
  const { entries } = JSON.parse(readFileSync(journal, 'utf8')) as { entries: { when: number; tag: string }[] }
  const rows = await database.owner.query(
    `select created_at from gatehouse_migrations order by applied_at desc, created_at desc limit ${count}`,
  )
  return rows.reverse().map((row) => entries.find(({ when }) => when === Number(row.created_at))?.tag ?? 'unknown')
}
