import { load, type Measured, medianOf, type Wanted } from './load.js'
import type { Server } from './servers.js'
import type { Flags } from './suite.js'

const WARM_UP_SECONDS = 2

/** A request, and who gets it. */
export interface Side extends Wanted {
  readonly server: Server
}

/** Loads two sides in turn, so that whatever else the machine does meets both, and gives the median of each. */
export async function sideBySide(
  [one, other]: readonly [Side, Side],
  flags: Flags,
  signal: AbortSignal,
): Promise<[Measured, Measured]> {
  const measure = (side: Side, seconds: number) => load(side.server.url, side, { ...flags, seconds }, signal)
  const rounds: [Measured[], Measured[]] = [[], []]
  for (const side of [one, other]) await measure(side, WARM_UP_SECONDS)
  for (let round = 0; round < flags.rounds; round += 1) {
    rounds[0].push(await measure(one, flags.seconds))
    rounds[1].push(await measure(other, flags.seconds))
  }
  return [medianOf(rounds[0]), medianOf(rounds[1])]
}

export function inWords({ rate, p50_ms, p99_ms }: Measured): string {
  return `${Math.round(rate)}/s p50 ${p50_ms.toFixed(1)} p99 ${p99_ms.toFixed(1)}`
}
