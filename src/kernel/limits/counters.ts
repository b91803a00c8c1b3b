import type { FastifyRateLimitStore } from '@fastify/rate-limit'
import { BoundedMap } from '../bounded-map.js'
import type { Clock } from '../time/clock.js'

/**
 * The maximum number of keys per budget. Beyond it, the oldest key is dropped, so that a flood of addresses cannot use up the
 * memory. Each budget has its own map, so that a flood of one budget does not drop keys of another one.
 */
const KEYS_MAX = 50_000

interface Window {
  count: number
  ends_at_ms: number
}

type Answer = (error: Error | null, result?: { current: number; ttl: number }) => void

/**
 * Makes a store for @fastify/rate-limit that counts in the memory of this process. A window starts with the first request of
 * its key.
 *
 * @returns a class, as the plugin requires, that uses the given clock
 */
export function memoryCounters(clock: Clock): new () => FastifyRateLimitStore {
  const budgets = new Map<string, BoundedMap<string, Window>>()
  const windowsOf = (key: string) => {
    const budget = key.slice(0, key.indexOf(':'))
    const known = budgets.get(budget)
    if (known !== undefined) return known
    const windows = new BoundedMap<string, Window>(KEYS_MAX)
    budgets.set(budget, windows)
    return windows
  }

  return class MemoryCounters {
    incr(key: string, answer: Answer, window_ms: number): void {
      const windows = windowsOf(key)
      const now = clock()
      const found = windows.get(key)
      if (found !== undefined && found.ends_at_ms > now) {
        found.count += 1
        answer(null, { current: found.count, ttl: found.ends_at_ms - now })
        return
      }
      windows.set(key, { count: 1, ends_at_ms: now + window_ms })
      answer(null, { current: 1, ttl: window_ms })
    }

    read(key: string, answer: Answer): void {
      const found = windowsOf(key).get(key)
      const left_ms = found === undefined ? 0 : found.ends_at_ms - clock()
      answer(null, left_ms > 0 ? { current: found?.count ?? 0, ttl: left_ms } : { current: 0, ttl: 0 })
    }

    child(): FastifyRateLimitStore {
      return this
    }
  }
}
