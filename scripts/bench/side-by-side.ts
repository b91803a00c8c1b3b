import { load, type Measured, medianOf, type Wanted } from './load.js'
import type { Server } from './servers.js'
import type { Flags } from './suite.js'

const WARM_UP_SECONDS = 2

/** Loads two servers in turn, so that whatever else the machine does meets both, and gives the median of each. */
export async function sideBySide(
  wanted: Wanted,
  [one, other]: readonly [Server, Server],
  flags: Flags,
  signal: AbortSignal,
): Promise<[Measured, Measured]> {
  const rounds: [Measured[], Measured[]] = [[], []]
  for (const server of [one, other]) await load(server.url, wanted, { ...flags, seconds: WARM_UP_SECONDS }, signal)
  for (let round = 0; round < flags.rounds; round += 1) {
    rounds[0].push(await load(one.url, wanted, flags, signal))
    rounds[1].push(await load(other.url, wanted, flags, signal))
  }
  return [medianOf(rounds[0]), medianOf(rounds[1])]
}

export function inWords({ rate, p50_ms, p99_ms }: Measured): string {
  return `${Math.round(rate)}/s p50 ${p50_ms.toFixed(1)} p99 ${p99_ms.toFixed(1)}`
}
