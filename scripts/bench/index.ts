import { readArguments, USAGE, type Wish } from './flags.js'
import { pinLoad } from './servers.js'
import { DEFAULTS, type Flags, isMissed, type Suite, written } from './suite.js'

/** Runs one suite and prints its rows. @returns the number of rows, and the names of those that missed their target */
async function run(suite: Suite, flags: Flags, signal: AbortSignal): Promise<{ rows: number; missed: string[] }> {
  const missed: string[] = []
  let rows = 0
  console.log(`== ${suite.name}: ${flags.rounds} rounds of ${flags.seconds} s, ${flags.connections} connections`)
  try {
    for await (const row of suite.run(flags, signal)) {
      rows += 1
      console.log(written(row))
      if (isMissed(row)) missed.push(row.name)
    }
  } catch (error) {
    signal.throwIfAborted()
    // The other suites can still run.
    missed.push(suite.name)
    console.error(`bench: ${suite.name}, which needs ${suite.needs}: ${messageOf(error)}`)
  }
  return { rows, missed }
}

async function main({ suites, flags }: Wish): Promise<void> {
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => interrupted.abort(new Error('interrupted')))
  }
  console.log(`${pinLoad() ? 'servers on one core, load on another' : 'not pinned to cores'}; times in ms`)
  const missed: string[] = []
  let rows = 0
  for (const suite of suites) {
    const outcome = await run(suite, { ...DEFAULTS, ...suite.defaults, ...flags }, interrupted.signal)
    missed.push(...outcome.missed)
    rows += outcome.rows
  }
  if (missed.length > 0) throw new Error(`missed: ${missed.join('; ')}`)
  if (rows === 0) throw new Error(`no row's name holds: ${flags.only}`)
}

/** The error of a refused connection has no message. Its reasons are in a list. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message === '' && 'code' in error ? String(error.code) : error.message
}

function fail(message: string): void {
  console.error(`bench: ${message}`)
  process.exitCode = 1
}

function wishOrUsage(): Wish | undefined {
  try {
    return readArguments()
  } catch (error) {
    fail(`${messageOf(error)}\n${USAGE}`)
    return undefined
  }
}

const wish = wishOrUsage()
if (wish !== undefined) await main(wish).catch((error: unknown) => fail(messageOf(error)))
