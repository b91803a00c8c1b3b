import type { Clock } from '../../kernel/time/clock.js'

const HOUR_MS = 3_600_000
/** Counters that wait to be written. Beyond this number, new ones are dropped and counted in a metric. */
const COUNTERS_MAX = 50_000

/** One response to a request of a tenant. */
export interface Served {
  readonly tenant_id: string
  readonly key_id: string
  readonly route: string
  readonly status: number
  readonly code: string
  readonly duration_ms: number
}

/** A counter as it is added to the database. */
export interface UsageCount {
  readonly tenant_id: string
  readonly hour: string
  readonly key_id: string
  readonly route: string
  readonly status: number
  readonly code: string
  requests: number
  duration_ms_sum: number
  duration_ms_max: number
}

export interface UsageRecorder {
  /** Counts one response in memory. */
  record(served: Served): void
  /**
   * Writes the counters since the last write. If the write fails, they are added to the next one.
   * @returns the number of counters that were written
   */
  flush(): Promise<number>
  /** Returns how many responses were not counted, because too many counters were waiting. */
  dropped(): number
}

/** Counts requests in memory and writes the counters in batches, so that a request does not wait for a write. */
export function openUsageRecorder(
  clock: Clock,
  write: (counts: readonly UsageCount[]) => Promise<void>,
): UsageRecorder {
  let counters = new Map<string, UsageCount>()
  let dropped = 0
  let being_written = 0
  let writing: Promise<number> = Promise.resolve(0)

  async function writeOut(): Promise<number> {
    const taken = counters
    if (taken.size === 0) return 0
    counters = new Map()
    being_written = taken.size
    try {
      await write([...taken.values()])
      return taken.size
    } catch (error) {
      for (const [key, count] of taken) merge(counters, key, count)
      throw error
    } finally {
      being_written = 0
    }
  }

  return {
    record({ tenant_id, key_id, route, status, code, duration_ms }) {
      const hour_ms = Math.floor(clock() / HOUR_MS) * HOUR_MS
      const key = `${tenant_id} ${hour_ms} ${key_id} ${status} ${code} ${route}`
      const found = counters.get(key)
      if (found !== undefined) {
        found.requests += 1
        found.duration_ms_sum += duration_ms
        if (duration_ms > found.duration_ms_max) found.duration_ms_max = duration_ms
        return
      }
      // Counters of a running write return if it fails.
      if (counters.size + being_written >= COUNTERS_MAX) {
        dropped += 1
        return
      }
      counters.set(key, {
        tenant_id,
        hour: new Date(hour_ms).toISOString(),
        key_id,
        route,
        status,
        code,
        requests: 1,
        duration_ms_sum: duration_ms,
        duration_ms_max: duration_ms,
      })
    },
    flush() {
      // One write at a time. A flush during a write waits for it, and then writes what was counted before the call.
      writing = writing.then(writeOut, writeOut)
      return writing
    },
    dropped: () => dropped,
  }
}

function merge(counters: Map<string, UsageCount>, key: string, count: UsageCount): void {
  const found = counters.get(key)
  if (found === undefined) {
    counters.set(key, count)
    return
  }
  found.requests += count.requests
  found.duration_ms_sum += count.duration_ms_sum
  found.duration_ms_max = Math.max(found.duration_ms_max, count.duration_ms_max)
}
