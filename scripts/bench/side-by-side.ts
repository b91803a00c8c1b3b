import { load, type Measured, medianOf, type Wanted } from './load.js'
import type { Server } from './servers.js'
import type { Flags } from './suite.js'

const WARM_UP_SECONDS = 2

/** A request and the server that gets it. */
export interface Side extends Wanted {
  readonly server: Server
}

/** Measures the sides in turn, so that other work on the machine affects all of them. Returns the rounds of each side. */
export async function inTurns<T>(
  sides: readonly Side[],
  flags: Flags,
  measure: (side: Side, seconds: number) => Promise<T>,
): Promise<T[][]> {
  const rounds = sides.map((): T[] => [])
  for (const side of sides) await measure(side, WARM_UP_SECONDS)
  for (let round = 0; round < flags.rounds; round += 1) {
    for (const [position, side] of sides.entries()) rounds[position]?.push(await measure(side, flags.seconds))
  }
  return rounds
}

/** Loads the sides in turn. Returns the median of each. */
export async function sideBySide<Sides extends readonly Side[]>(
  sides: readonly [...Sides],
  flags: Flags,
  signal: AbortSignal,
): Promise<{ [Each in keyof Sides]: Measured }> {
  const measure = (side: Side, seconds: number) => load(side.server.url, side, { ...flags, seconds }, signal)
  const rounds = await inTurns(sides, flags, measure)
  return rounds.map(medianOf) as { [Each in keyof Sides]: Measured }
}

export function inWords({ rate, p50_ms, p99_ms }: Measured): string {
  return `${Math.round(rate)}/s p50 ${p50_ms.toFixed(1)} p99 ${p99_ms.toFixed(1)}`
}
