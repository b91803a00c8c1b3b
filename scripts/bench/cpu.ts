import { load, median } from './load.js'
import { costsOf } from './process-costs.js'
import { inTurns, type Side } from './side-by-side.js'
import type { Flags } from './suite.js'

/** What the requests of one side have cost its server. */
export interface Cost {
  /** CPU time of the server process per request, user and system, in µs. */
  readonly cpu_us: number
  readonly rate: number
}

/**
 * Loads the sides in turn, and reads the CPU time of each server before and after. It is steadier than the rate, because it
 * does not count what other processes did meanwhile. Returns the median of each side.
 */
export async function cpuSideBySide<Sides extends readonly Side[]>(
  sides: readonly [...Sides],
  flags: Flags,
  signal: AbortSignal,
): Promise<{ [Each in keyof Sides]: Cost }> {
  const measure = async (side: Side, seconds: number): Promise<Cost> => {
    const before = costsOf(side.server.pid)
    const { rate } = await load(side.server.url, side, { ...flags, seconds }, signal)
    const after = costsOf(side.server.pid)
    return { cpu_us: ((after.cpu_ms - before.cpu_ms) * 1000) / (rate * seconds), rate }
  }
  const rounds = await inTurns(sides, flags, measure)
  return rounds.map((costs) => ({
    cpu_us: median(costs.map(({ cpu_us }) => cpu_us)),
    rate: median(costs.map(({ rate }) => rate)),
  })) as { [Each in keyof Sides]: Cost }
}

export function costInWords({ cpu_us, rate }: Cost): string {
  return `${Math.round(cpu_us)} µs of CPU, ${Math.round(rate)}/s`
}
