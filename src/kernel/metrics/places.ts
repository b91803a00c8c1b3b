import type { Counter, Metric, Registry } from 'prom-client'

type Labels = Readonly<Record<string, string>>

/** A counter with certain labels: what was counted since prom-client last asked. */
export interface Tally {
  readonly labels: Labels
  count: number
}

/** Adds what was counted to a counter of prom-client, which finds each place by sorting, checking and joining its labels. */
export function addTallies(counter: Counter, tallies: Iterable<Tally>): void {
  for (const tally of tallies) {
    if (tally.count === 0) continue
    counter.inc(tally.labels, tally.count)
    tally.count = 0
  }
}

/** A histogram with certain labels. */
export class Durations {
  readonly counts: number[]
  sum = 0
  count = 0

  /** @param bounds the upper bounds of the buckets in seconds, ascending */
  constructor(
    readonly labels: Labels,
    private readonly bounds: readonly number[],
  ) {
    this.counts = bounds.map(() => 0)
  }

  observe(seconds: number): void {
    this.sum += seconds
    this.count += 1
    const bucket = this.bounds.findIndex((bound) => seconds <= bound)
    if (bucket >= 0) this.counts[bucket] = (this.counts[bucket] as number) + 1
  }
}

/**
 * A histogram for prom-client's page whose places the code keeps. Each observation of prom-client's own histogram sorts, checks
 * and joins the labels, which took more of a forwarded request than all its budgets.
 */
export class DurationHistogram {
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly #places: Durations[] = []

  constructor(
    readonly name: string,
    readonly help: string,
    private readonly bounds: readonly number[],
    registry: Registry,
  ) {
    registry.registerMetric(this as unknown as Metric)
  }

  /** Makes a place. The caller keeps it, and makes one for each combination of labels. */
  place(labels: Labels): Durations {
    const place = new Durations(labels, this.bounds)
    this.#places.push(place)
    return place
  }

  /** The samples, as prom-client asks every metric for them. */
  async get() {
    const { name, help, type, aggregator, bounds } = this
    const values = this.#places.flatMap(({ labels, counts, sum, count }) => {
      let below = 0
      const buckets = bounds.map((le, position) => {
        below += counts[position] as number
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below }
      })
      return [
        ...buckets,
        { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: count },
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ]
    })
    return { name, help, type, aggregator, values }
  }
}
