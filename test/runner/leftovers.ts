import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabases } from '../helpers/embedded-database.js'

/** Time for a socket to close after its peer has closed, even on a loaded machine. A clean file does not wait. */
const SETTLED_WITHIN_MS = 30_000
/** The globals that tests replace. */
const REPLACED = ['setTimeout', 'setInterval', 'setImmediate', 'fetch', 'Date'] as const
const original = new Map(REPLACED.map((name) => [name, globalThis[name]]))

/** Counts the resources and changes that a test file could leave for the next file in the same process. */
export function stateOfProcess(): ReadonlyMap<string, number> {
  const found = [
    // Timers, sockets, servers and child processes that keep the process running.
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

/** Returns what exceeds an earlier state, after waiting up to `within_ms` for resources that are being closed. */
export async function leftovers(before: ReadonlyMap<string, number>, within_ms = SETTLED_WITHIN_MS): Promise<string[]> {
  const deadline = Date.now() + within_ms
  for (;;) {
    const more = [...stateOfProcess()].filter(([line, number]) => number > (before.get(line) ?? 0))
    if (more.length === 0 || Date.now() > deadline) return more.map(([line]) => line)
    await sleep(10)
  }
}
