import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { Database, Row } from '../../src/kernel/database/database.js'
import { asDatabase, openEmbeddedInMemory } from '../../src/kernel/database/embedded.js'
import { migrate } from '../../src/kernel/database/migrate.js'
import type { TestDatabase } from './database.js'
import { migrationsVersion } from './migrations-version.js'
import { differences, pictureOf, removeRows } from './pristine.js'
import { until } from './until.js'

interface Engine {
  readonly database: Database
  readonly pristine: ReadonlySet<string>
}

/** The database that a worker keeps for its next test file. Undefined while a file uses it. */
let idle: Engine | undefined
let is_kept = false
let open_count = 0

/** The number of databases that tests have open. It is 0 between two test files. */
export function openDatabases(): number {
  return open_count
}

/** Runs `work` in a process that keeps its database from one test file to the next. */
export async function keepingDatabase(work: () => Promise<void>): Promise<void> {
  // On a server few files open an embedded database. A kept database has a timer, which the check for leftovers would
  // attribute to the next file.
  is_kept = process.env.TEST_DATABASE_URL === undefined
  try {
    await work()
  } finally {
    is_kept = false
    await idle?.database.close()
  }
}

/** Returns the database that the process keeps, or opens another one while the first is in use. */
export async function openEmbeddedTest(): Promise<TestDatabase> {
  const engine = idle ?? (await startEngine())
  if (engine === idle) idle = undefined
  open_count += 1
  const { database, end } = untilEnd(engine.database)
  return {
    database,
    sql: (text) => database.owner.query(text),
    url: undefined,
    async close() {
      if (!end()) return
      open_count -= 1
      await giveBack(engine)
    },
  }
}

async function giveBack(engine: Engine): Promise<void> {
  const sql = (text: string) => engine.database.owner.query(text)
  await removeRows(sql)
  const left = differences(engine.pristine, await pictureOf(sql))
  if (is_kept && idle === undefined && left.length === 0) idle = engine
  else await engine.database.close()
  if (left.length > 0) throw new Error(`the test left changes in the database: ${left.join('; ')}`)
}

/** Wraps a database. After `end` every call throws, so that a late query fails with the stack of its caller. */
function untilEnd(engine: Database): { database: Database; end: () => boolean } {
  let is_open = true
  const whileOpen = <T extends unknown[], R>(work: (...parts: T) => Promise<R>) =>
    (async (...parts: T) => {
      if (!is_open) throw new Error('the database of this test is closed')
      return work(...parts)
    }) as (...parts: T) => Promise<R>
  const end = () => {
    const was_open = is_open
    is_open = false
    return was_open
  }
  const database: Database = {
    ...engine,
    readOne: whileOpen(engine.readOne),
    transaction: whileOpen(engine.transaction) as Database['transaction'],
    owner: { ...engine.owner, query: whileOpen<[string], Row[]>(engine.owner.query) },
    close: async () => void end(),
  }
  return { database, end }
}

async function startEngine(): Promise<Engine> {
  const database = await openEmbeddedInMemory(new Blob([await templateDump()]))
  return { database, pristine: await pictureOf((text) => database.owner.query(text)) }
}

/** A dump of a migrated database, created once for these migrations. Opening it takes a fifth of the time to create it. */
export async function templateDump(): Promise<Uint8Array<ArrayBuffer>> {
  const file = join('.build', `template-${migrationsVersion()}.tar`)
  mkdirSync('.build', { recursive: true })
  if (!existsSync(file) && !(await makeAlone(file)))
    await until('another process creates the dump', () => existsSync(file), WAIT)
  return new Uint8Array(readFileSync(file))
}

const WAIT = { within_ms: 120_000, every_ms: 100 }

/** Creates the dump. @returns false if another process is creating it */
async function makeAlone(file: string): Promise<boolean> {
  const lock = `${file}.lock`
  try {
    closeSync(openSync(lock, 'wx'))
  } catch {
    return false
  }
  try {
    const client = await PGlite.create()
    await migrate(asDatabase(client))
    const dump = new Uint8Array(await (await client.dumpDataDir('none')).arrayBuffer())
    await client.close()
    writeFileSync(`${file}.unfinished`, dump)
    renameSync(`${file}.unfinished`, file)
    return true
  } finally {
    rmSync(lock)
  }
}
