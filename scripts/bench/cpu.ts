import { load, median } from './load.js'
import { costsOf } from './process-costs.js'
import type { Side } from './side-by-side.js'
import type { Flags } from './suite.js'

/** What the requests of one side have cost its server. */
export interface Cost {
  /** CPU time of the server process per request, user and system, in µs: the median of all slices, and their tenth part. */
  readonly cpu_us: number
  readonly cpu_us_p10: number
  readonly rate: number
}

/** Two sides, and how they compare. */
export interface Compared {
  readonly ours: Cost
  readonly theirs: Cost
  /** How often the cost of our side fits into that of the other one: the median over pairs of slices. */
  readonly ratio: number
  /** The rate of our side divided by that of the other one: the median over pairs of slices. */
  readonly rate_ratio: number
}

/** Short, because what else runs on the machine changes within seconds: the two slices of a pair then see the same of it. */
const SLICE_SECONDS = 0.7
const SLICES_PER_ROUND = 10

/**
 * Loads two sides in short turns, and reads the CPU time of each server before and after. It is steadier than the rate,
 * because it does not count what other processes did meanwhile. The side that begins changes with each pair.
 */
export async function cpuSideBySide(
  [ours, theirs]: readonly [Side, Side],
  flags: Flags,
  signal: AbortSignal,
): Promise<Compared> {
  const measure = async (side: Side) => {
    const before = costsOf(side.server.pid)
    const { rate, requests } = await load(side.server.url, side, { ...flags, seconds: SLICE_SECONDS }, signal)
    const after = costsOf(side.server.pid)
    return { cpu_us: ((after.cpu_ms - before.cpu_ms) * 1000) / requests, rate }
  }
  for (const side of [ours, theirs]) await load(side.server.url, side, { ...flags, seconds: 2 }, signal)
  const pairs: { ours: Slice; theirs: Slice }[] = []
  for (let pair = 0; pair < flags.rounds * SLICES_PER_ROUND; pair += 1) {
    if (pair % 2 === 0) pairs.push({ ours: await measure(ours), theirs: await measure(theirs) })
    else {
      const first = await measure(theirs)
      pairs.push({ ours: await measure(ours), theirs: first })
    }
  }
  return {
    ours: costOf(pairs.map((pair) => pair.ours)),
    theirs: costOf(pairs.map((pair) => pair.theirs)),
    ratio: median(pairs.map((pair) => pair.theirs.cpu_us / pair.ours.cpu_us)),
    rate_ratio: median(pairs.map((pair) => pair.ours.rate / pair.theirs.rate)),
  }
}

type Slice = Pick<Cost, 'cpu_us' | 'rate'>

function costOf(slices: readonly Slice[]): Cost {
  const costs = slices.map(({ cpu_us }) => cpu_us).toSorted((left, right) => left - right)
  return {
    cpu_us: median(costs),
    cpu_us_p10: costs[Math.floor(costs.length / 10)] as number,
    rate: median(slices.map(({ rate }) => rate)),
  }
}

export function costInWords({ cpu_us, cpu_us_p10, rate }: Cost): string {
  return `${Math.round(cpu_us)} µs of CPU (p10 ${Math.round(cpu_us_p10)}), ${Math.round(rate)}/s`
}
