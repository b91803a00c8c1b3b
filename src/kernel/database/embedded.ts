import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { PGlite, type Transaction, types } from '@electric-sql/pglite'
import { ConfigurationError } from '../config/env.js'
import { BIND_STATEMENT } from './bound-query.js'
import { toInstant } from './columns.js'
import {
  type Binding,
  boundTenant,
  type Database,
  FACTS_SHARE,
  type Row,
  type Run,
  shareOf,
  type Work,
} from './database.js'
import { FairShares } from './fair-shares.js'
import { CHANGED_FACTS } from './final-query.js'
import { lockFolder } from './folder-lock.js'

/** The default of 128 MB costs memory and start time. The working set of one gateway is far smaller. */
const START_PARAMETERS = [...PGlite.defaultStartParams, '-c', 'shared_buffers=16MB']

/**
 * How much of a function of the engine V8 runs before it compiles the function again, with optimisation. By default (1.8 MB of
 * its code) a start optimises thousands of functions that it needs for two seconds, which takes half of its CPU time. With
 * this number V8 optimises those that requests go on using.
 */
const OPTIMISE_AFTER_BYTES = 400_000_000

const PARSERS = { [types.INT8]: Number, [types.TIMESTAMPTZ]: toInstant }

/**
 * Opens the embedded database in a folder and locks the folder until the database is closed.
 *
 * @param tell is called before the database is created, which takes seconds
 * @throws ConfigurationError in one line when another process uses the folder
 */
export async function openEmbedded(
  data_dir: string,
  tell: (step: string) => void = () => undefined,
): Promise<Database> {
  mkdirSync(data_dir, { recursive: true, mode: 0o700 })
  const unlock = lockFolder(data_dir)
  // Before V8 compiles the engine. A version of V8 that does not know the flag prints a line and continues.
  setFlagsFromString(`--wasm-tiering-budget=${OPTIMISE_AFTER_BYTES}`)
  try {
    const folder = join(data_dir, 'postgres')
    if (!existsSync(join(folder, 'PG_VERSION'))) {
      tell('creating the database')
      initialise(folder)
    }
    return asDatabase(await PGlite.create({ dataDir: folder, startParams: START_PARAMETERS, parsers: PARSERS }), unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

/** Opens a database in memory from a dump of a data folder, for tests. */
export async function openEmbeddedInMemory(dump?: Blob): Promise<Database> {
  return asDatabase(
    await PGlite.create({ ...(dump && { loadDataDir: dump }), startParams: START_PARAMETERS, parsers: PARSERS }),
  )
}

/**
 * What the child process of `initialise` runs: initdb in memory, whose files it then writes to a folder. PGlite itself would
 * make an archive of them, unpack it into the folder, and start a second engine there, which takes a fifth more CPU time.
 */
const INITDB = `
  const { mkdirSync, writeFileSync } = await import('node:fs')
  const { PGlite } = await import(process.argv[2])
  const database = await PGlite.create()
  const files = database.Module.FS
  await database.close()
  const copy = (from, to) => {
    mkdirSync(to, { mode: 0o700 })
    for (const name of files.readdir(from)) {
      if (name === '.' || name === '..') continue
      const [source, target] = [from + '/' + name, to + '/' + name]
      if (files.isDir(files.stat(source).mode)) copy(source, target)
      else writeFileSync(target, files.readFile(source), { mode: 0o600 })
    }
  }
  copy('/pglite/data', process.argv[1])`

/**
 * Creates the data folder. initdb allocates 500 MB that its process never returns, so a child process runs it. The child
 * writes to a temporary folder, which is renamed when it is complete. A start that is killed leaves no partial database.
 */
export function initialise(folder: string): void {
  const unfinished = `${folder}.${process.pid}`
  rmSync(unfinished, { recursive: true, force: true })
  // To optimise code that runs once would take a quarter of the CPU time.
  const flags = ['--liftoff-only', '--input-type=module', '-e', INITDB]
  const { status, stderr } = spawnSync(
    process.execPath,
    [...flags, unfinished, import.meta.resolve('@electric-sql/pglite')],
    { encoding: 'utf8' },
  )
  if (status !== 0)
    throw new ConfigurationError(`could not create the embedded database in ${folder}: ${stderr.slice(-400)}`)
  renameSync(unfinished, folder)
}

/** Wraps the engine as a Database. It has one connection: transactions queue, and none may wait for another one. */
export function asDatabase(client: PGlite, unlock: () => void = () => undefined): Database {
  const shares = new FairShares({ connections_max: 1, share_max: 1, first: FACTS_SHARE })
  const transaction: Database['transaction'] = async (binding, work, onFactsChanged) => {
    const { result, xid } = await shares.run(shareOf(binding), () => inTransaction(client, binding, work))
    if (xid !== null) onFactsChanged?.(xid)
    return result
  }

  const query = async (text: string) => (await client.exec(text)).at(-1)?.rows as Row[]
  return {
    engine: 'embedded',
    readOne: (binding, statement) =>
      shares.run(shareOf(binding), () => client.transaction((tx) => bound(tx, binding, (run) => run(statement)))),
    transaction,
    // One process locks the folder, so no other process can migrate.
    owner: { query, exclusively: (work) => work(query) },
    fact_watchers: new Set(),
    load: () => ({ busy: 0, waiting: shares.waiting }),
    close: async () => {
      await client.close()
      unlock()
    },
  }
}

/** Runs `work`. @returns its result, and the number of the transaction if it changed a fact */
function inTransaction<T>(client: PGlite, binding: Binding, work: Work<T>) {
  return client.transaction((tx) =>
    bound(tx, binding, async (run) => {
      const result = await work(run, run)
      const { rows } = await tx.query<{ xid: string | null }>(CHANGED_FACTS)
      return { result, xid: rows[0]?.xid ?? null }
    }),
  )
}

async function bound<T>(tx: Transaction, binding: Binding, work: (run: Run) => Promise<T>): Promise<T> {
  await tx.query(BIND_STATEMENT.text, [binding.role, boundTenant(binding)])
  return work(
    async ({ text, values, row_mode }) => (await tx.query(text, values as unknown[], { rowMode: row_mode })).rows,
  )
}
