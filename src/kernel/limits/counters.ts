import type { FastifyRateLimitStore } from '@fastify/rate-limit'
import { BoundedMap } from '../bounded-map.js'
import type { Clock } from '../time/clock.js'
import type { SeenWindow, SharedWindows } from './shared-windows.js'

/**
 * The maximum number of keys per budget. Beyond it, the oldest key is dropped, so that a flood of addresses cannot use up the
 * memory. Each budget has its own map, so that a flood of one budget does not drop keys of another one.
 */
const KEYS_MAX = 50_000

/** The `max` of a budget that counts every request, also beyond its quota. The plugin never refuses below it. */
export const COUNT_ALL = Number.MAX_SAFE_INTEGER

/** One share is this part of a budget, divided among the replicas, and at most SHARE_MAX requests. */
const SHARE_OF_QUOTA = 1 / 8
const SHARE_MAX = 250
/** A smaller share is taken when a request needs it: taken in advance, it would be missing at another replica. */
const SHARE_IN_ADVANCE_MIN = 8
/** After a time alone, this many windows are told to the others at once. More would hold up the requests. */
const TOLD_AT_ONCE = 100
/** The next share is taken when this part of the last one is left. */
const LOW_PART = 1 / 4

/** What this process knows of the window of a key. */
interface Window {
  ends_at_ms: number
  /** Requests that this replica has counted. */
  counted: number
  /** Requests that all replicas count for this one: the share that is left is the difference to `counted`. */
  taken: number
  /** Requests that all replicas count for the others, when this one last heard of it. */
  others: number
  /** The quota of which nothing was left to take; 0 if there was something left. */
  used_up: number
  /** Requests that wait for a share. */
  waiting: number
  /** The share that is being taken. Resolves to whether the shared windows have answered. */
  taking: Promise<boolean> | undefined
}

/** The count of a key, and the milliseconds until its window ends. */
export interface Count {
  readonly current: number
  readonly ttl: number
}
type Answer = (error: Error | null, result?: Count) => void

/** The counters of a store of @fastify/rate-limit, with methods of our own. */
export interface Counters extends FastifyRateLimitStore {
  /** Counts a request if that needs no round trip, which is nearly always so. @returns undefined if it was not counted */
  incrNow(key: string, window_ms: number, max: number): Count | undefined
  /** Reads without counting. */
  read(key: string, answer: Answer, window_ms: number, max: number): void
}

/** With whom the counters are shared. */
export interface Sharing {
  /** The number of replicas, with this one. */
  readonly replicas: () => number
  /** The windows that all replicas see; undefined if there is no place that all of them see. */
  readonly windows?: SharedWindows | undefined
}

/**
 * Makes a store for @fastify/rate-limit. A window starts with the first request of its key.
 *
 * A replica takes a share of a budget from the shared windows, and counts the requests of the share in its memory. So only a
 * few requests wait for a round trip, and all replicas together accept at most the quota. Shares that are left at one replica
 * are refused at the others until the window ends.
 *
 * Without shared windows, or while they do not answer, each replica accepts what it has left of its share, and its part of
 * what was not taken: 1 / replicas, rounded up. The count that it returns is then what its part leaves of the quota, so a
 * client sees how many requests this replica will still accept.
 *
 * @returns a class, as the plugin requires, that uses the given clock
 */
export function sharedCounters(clock: Clock, { replicas, windows: shared }: Sharing): new () => Counters {
  const budgets = new Map<string, BoundedMap<string, Window>>()
  const windowsOf = (key: string) => {
    const budget = key.slice(0, key.indexOf(':'))
    const known = budgets.get(budget)
    if (known !== undefined) return known
    const windows = new BoundedMap<string, Window>(KEYS_MAX)
    budgets.set(budget, windows)
    return windows
  }
  const openWindow = (key: string, now_ms: number): Window | undefined => {
    const found = windowsOf(key).get(key)
    return found !== undefined && found.ends_at_ms > now_ms ? found : undefined
  }
  const startWindow = (key: string, ends_at_ms: number): Window => {
    const window = { ends_at_ms, counted: 0, taken: 0, others: 0, used_up: 0, waiting: 0, taking: undefined }
    windowsOf(key).set(key, window)
    return window
  }

  /** Takes a share for requests that wait, and a larger one in advance. @returns whether the shared windows have answered */
  const take = async (key: string, window: Window, max: number, needed: number): Promise<boolean> => {
    if (shared === undefined) return false
    const { counted, ends_at_ms } = window
    const left_ms = Math.max(1, ends_at_ms - clock())
    const share = shareOf(max, replicas())
    const demand = { counted, needed, share, quota: max, replicas: replicas(), left_ms }
    const seen = await shared.take(key, demand).catch(() => undefined)
    if (seen === undefined) return false
    learn(window, seen)
    window.used_up = seen.own + seen.others >= max ? max : 0
    return true
  }

  const learn = (window: Window, { own, others, granted, left_ms }: SeenWindow): void => {
    // This replica has dropped its own window, or has just made one for the same time.
    if (window.taken === 0) window.counted = Math.max(window.counted, own - granted)
    window.taken = Math.max(window.taken, own)
    window.others = others
    window.ends_at_ms = clock() + left_ms
  }

  /** Begins to take a share, unless one is being taken. @returns whether the shared windows have answered */
  const takeOnce = (key: string, window: Window, max: number): Promise<boolean> => {
    window.taking ??= take(key, window, max, window.waiting).finally(() => {
      window.taking = undefined
    })
    return window.taking
  }

  // The other replicas must not take what this one has counted alone.
  const tellAll = async (windows: SharedWindows): Promise<void> => {
    const told = [...budgets.values()].flatMap((each) => [...each.entries()])
    for (let first = 0; first < told.length && windows.isUp(); first += TOLD_AT_ONCE) {
      const now = clock()
      const tells = told.slice(first, first + TOLD_AT_ONCE).map(async ([key, window]) => {
        const { counted, taken, ends_at_ms } = window
        if (counted <= taken || ends_at_ms <= now) return
        const demand = { ...NOTHING, counted, replicas: replicas(), left_ms: ends_at_ms - now }
        learn(window, await windows.take(key, demand))
      })
      await Promise.allSettled(tells)
    }
  }
  shared?.onUp(() => void tellAll(shared))

  /** Counts a request without waiting. @returns the count, or undefined if a share must be taken first */
  const countNow = (key: string, window: Window, max: number): number | undefined => {
    if (shared?.isUp() !== true) return countAlone(window, max, replicas())
    if (max !== COUNT_ALL && window.others + window.counted >= max) return max + 1
    if (window.counted < window.taken) {
      window.counted += 1
      const share = shareOf(max, replicas())
      const is_low = window.taken - window.counted < share * LOW_PART
      if (share >= SHARE_IN_ADVANCE_MIN && is_low && window.used_up < max) void takeOnce(key, window, max)
      return window.others + window.counted
    }
    return window.used_up >= max ? max + 1 : undefined
  }

  const count = async (key: string, window_ms: number, max: number): Promise<Count> => {
    for (;;) {
      const now = clock()
      const window = openWindow(key, now) ?? startWindow(key, now + window_ms)
      const current = countNow(key, window, max)
      if (current !== undefined) return { current, ttl: window.ends_at_ms - now }
      window.waiting += 1
      const is_answered = await takeOnce(key, window, max)
      window.waiting -= 1
      if (!is_answered) return { current: countAlone(window, max, replicas()), ttl: window.ends_at_ms - clock() }
    }
  }

  return class SharedCounters implements Counters {
    incrNow(key: string, window_ms: number, max: number): Count | undefined {
      const now = clock()
      const window = openWindow(key, now) ?? startWindow(key, now + window_ms)
      const current = countNow(key, window, max)
      return current === undefined ? undefined : { current, ttl: window.ends_at_ms - now }
    }

    incr(key: string, answer: Answer, window_ms: number, max: number): void {
      const counted = this.incrNow(key, window_ms, max)
      if (counted !== undefined) answer(null, counted)
      else count(key, window_ms, max).then((result) => answer(null, result), answer)
    }

    read(key: string, answer: Answer, window_ms: number, max: number): void {
      const look = () => {
        const now = clock()
        const window = openWindow(key, now)
        const current = countOf(window, max, shared?.isUp() === true, replicas())
        answer(null, { current, ttl: window === undefined ? 0 : window.ends_at_ms - now })
      }
      // What other replicas counted decides about a login. A budget with shares is told as far as this replica knows it.
      if (max !== COUNT_ALL || shared?.isUp() !== true) {
        look()
        return
      }
      const now = clock()
      const window = openWindow(key, now)
      const seen = window ?? { ...NO_WINDOW, ends_at_ms: now + window_ms }
      take(key, seen, max, 0).then(() => {
        const is_new = seen.others + seen.taken > 0 && openWindow(key, clock()) === undefined
        if (is_new) Object.assign(startWindow(key, 0), seen)
        look()
      }, answer)
    }

    child(): FastifyRateLimitStore {
      return this
    }
  }
}

/** A demand that only tells what this replica has counted. */
const NOTHING = { needed: 0, share: 0, quota: 0 }

const NO_WINDOW: Window = {
  ends_at_ms: 0,
  counted: 0,
  taken: 0,
  others: 0,
  used_up: 0,
  waiting: 0,
  taking: undefined,
}

function shareOf(max: number, replicas: number): number {
  if (max === COUNT_ALL) return 0
  return Math.min(SHARE_MAX, Math.max(1, Math.floor((max * SHARE_OF_QUOTA) / replicas)))
}

/** The requests that this replica accepts of a quota on its own: its share, and its part of what was not taken. */
function quotaHere({ taken, others }: Window, max: number, replicas: number): number {
  return taken + Math.ceil(Math.max(0, max - others - taken) / replicas)
}

/** Counts a request that the other replicas do not hear of. */
function countAlone(window: Window, max: number, replicas: number): number {
  if (max !== COUNT_ALL && window.counted >= quotaHere(window, max, replicas)) return max + 1
  window.counted += 1
  return countOf(window, max, false, replicas)
}

/** The count of a window as far as this replica knows it. `is_shared`: what it has taken is what all replicas count. */
function countOf(window: Window = NO_WINDOW, max: number, is_shared: boolean, replicas: number): number {
  const { counted, taken, others, used_up } = window
  if (is_shared) return used_up >= max ? max : others + counted
  if (max !== COUNT_ALL) return max - Math.max(0, quotaHere(window, max, replicas) - counted)
  // As many requests may have arrived at each of the others since they were last heard of. The first one is only one.
  const alone = counted - taken
  return others + taken + (alone > 1 ? 1 + (alone - 1) * replicas : alone)
}
