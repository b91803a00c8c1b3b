import type { StorageConfig } from '../src/kernel/config/config.js'
import type { Environment } from '../src/kernel/config/env.js'
import { explainFailure } from '../src/kernel/config/explain-failure.js'
import { Problem } from '../src/kernel/problems/problems.js'

/** The database of the environment, for commands that need no other configuration. */
export function storageOf({
  DATABASE_URL,
  DATABASE_POOLER,
  DATABASE_DIRECT_URL,
  DATA_DIR,
}: Environment): StorageConfig {
  return DATABASE_URL === undefined
    ? { engine: 'embedded', data_dir: DATA_DIR }
    : {
        engine: 'pooled',
        url: DATABASE_URL,
        connections_max: 1,
        direct_url: DATABASE_POOLER === 'transaction' ? DATABASE_DIRECT_URL : undefined,
      }
}

/** Runs a command. Prints one line for an error that the user can correct, and the stack of any other error. */
export async function run(command: () => Promise<void>): Promise<void> {
  try {
    await command()
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`)
    process.exitCode = 1
  }
}

function explain(error: unknown): string {
  if (error instanceof Problem) {
    const { errors } = error.members as { errors?: { pointer: string; message: string }[] }
    return errors?.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`).join('; ') ?? error.detail
  }
  return explainFailure(error) ?? String((error as Error).stack)
}
