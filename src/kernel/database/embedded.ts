import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite, types } from '@electric-sql/pglite'
import { ConfigurationError } from '../config/env.js'
import { BIND_STATEMENT } from './bound-query.js'
import { toInstant } from './columns.js'
import { boundTenant, type Database, type Row, type Run } from './database.js'
import { lockFolder } from './folder-lock.js'

/** The default of 128 MB costs memory and time to open; one gateway's working set is far smaller. */
const START_PARAMETERS = [...PGlite.defaultStartParams, '-c', 'shared_buffers=16MB']

const PARSERS = { [types.INT8]: Number, [types.TIMESTAMPTZ]: toInstant }

/**
 * Opens the embedded database in a folder, which it locks until it is closed.
 *
 * @throws ConfigurationError with one readable line when another process has the folder.
 */
export async function openEmbedded(data_dir: string): Promise<Database> {
  mkdirSync(data_dir, { recursive: true, mode: 0o700 })
  const unlock = lockFolder(data_dir)
  try {
    const folder = join(data_dir, 'postgres')
    if (!existsSync(join(folder, 'PG_VERSION'))) initialise(folder)
    return asDatabase(await PGlite.create({ dataDir: folder, startParams: START_PARAMETERS, parsers: PARSERS }), unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

/** A database in memory, made from a dump of a data folder: what tests start from. */
export async function openEmbeddedInMemory(dump?: Blob): Promise<Database> {
  return asDatabase(
    await PGlite.create({ ...(dump && { loadDataDir: dump }), startParams: START_PARAMETERS, parsers: PARSERS }),
  )
}

/**
 * initdb takes 500 MB that a process never gives back, so a child process does it. It works beside the folder, which
 * gets its name when it is whole: a start that was killed leaves no half of a database, and no child that still writes.
 */
function initialise(folder: string): void {
  const unfinished = `${folder}.${process.pid}`
  rmSync(unfinished, { recursive: true, force: true })
  const script = `const { PGlite } = await import(${JSON.stringify(import.meta.resolve('@electric-sql/pglite'))})
    await (await PGlite.create(process.argv[1])).close()`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, unfinished], {
    encoding: 'utf8',
  })
  if (status !== 0)
    throw new ConfigurationError(`the embedded database could not be made in ${folder}: ${stderr.slice(-400)}`)
  renameSync(unfinished, folder)
}

/** The engine behind the common type. It has one connection: transactions queue, and none may wait for another. */
export function asDatabase(client: PGlite, unlock: () => void = () => undefined): Database {
  const transaction: Database['transaction'] = (binding, work) =>
    client.transaction(async (tx) => {
      await tx.query(BIND_STATEMENT.text, [binding.role, boundTenant(binding)])
      const run: Run = async ({ text, values, row_mode }) =>
        (await tx.query(text, values as unknown[], { rowMode: row_mode })).rows
      return work(run, run)
    })
  const query = async (text: string) => (await client.exec(text)).at(-1)?.rows as Row[]
  return {
    engine: 'embedded',
    readOne: (binding, statement) => transaction(binding, (run) => run(statement)),
    transaction,
    // One process has the folder, so nobody else can migrate.
    owner: { query, exclusively: (work) => work(query) },
    load: () => ({ busy: 0, waiting: 0 }),
    close: async () => {
      await client.close()
      unlock()
    },
  }
}
