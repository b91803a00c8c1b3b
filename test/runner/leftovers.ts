import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabases } from '../helpers/embedded-database.js'

/** Long enough for a socket to notice that its other end has closed, also on a loaded machine. A clean file does not wait. */
const SETTLED_WITHIN_MS = 30_000
/** What tests put something else in the place of. */
const REPLACED = ['setTimeout', 'setInterval', 'setImmediate', 'fetch', 'Date'] as const
const original = new Map(REPLACED.map((name) => [name, globalThis[name]]))

/** What a test file could leave to the next one in the same process: how many there are of each. */
export function stateOfProcess(): ReadonlyMap<string, number> {
  const found = [
    // Timers, sockets, servers and child processes that keep the process alive.
    ...process.getActiveResourcesInfo().map((resource) => `open: ${resource}`),
    ...Object.entries(process.env).map(([name, value]) => `environment: ${name}=${value}`),
    ...process.eventNames().flatMap((name) => process.listeners(name as 'exit').map(() => `listener: ${String(name)}`)),
    ...REPLACED.filter((name) => globalThis[name] !== original.get(name)).map((name) => `replaced: ${name}`),
    ...Array.from({ length: openDatabases() }, () => 'open: database'),
  ]
  const counts = new Map<string, number>()
  for (const line of found) counts.set(line, (counts.get(line) ?? 0) + 1)
  return counts
}

/** What there is more of than in an earlier state, once the event loop has had time to close what is being closed. */
export async function leftovers(before: ReadonlyMap<string, number>, within_ms = SETTLED_WITHIN_MS): Promise<string[]> {
  const deadline = Date.now() + within_ms
  for (;;) {
    const more = [...stateOfProcess()].filter(([line, number]) => number > (before.get(line) ?? 0))
    if (more.length === 0 || Date.now() > deadline) return more.map(([line]) => line)
    await sleep(10)
  }
}
