import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply } from 'fastify'
import pLimit from 'p-limit'
import { unavailable } from '../problems/problems.js'

/** One at a time: what nobody waits for takes one connection of the database, whatever is asked for. */
const CONCURRENT_MAX = 1
/** Beyond it what would add more is refused, so that a flood piles nothing up. At a few milliseconds each: a second. */
const WAITING_MAX = 100
/** The loop is left alone for this long after an answer, for the embedded database would hold it while the answer leaves. */
const BREATH_MS = 20
/** A stop waits this long: each statement has its own timeout, but a hundred of them in a row would hold the process. */
const SETTLE_MS_MAX = 3_000

/**
 * Work that an answer does not wait for, so that its time says nothing about whether there was any: whether an address
 * has an account is the caller's to guess, and nobody's to measure.
 */
export interface Afterwards {
  /**
   * Asked before the answer, whether or not there will be work: nothing is promised that will not be done.
   * @throws Problem `service_unavailable` when too much is waiting
   */
  checkRoom(): void
  /** Does the work when the answer has gone, or its client has. Never throws: what fails is told to the log. */
  follow(reply: FastifyReply, work: () => Promise<unknown>): void
  /** Waits until all of it is done, within a bound, and gives up what has not begun by then. */
  settled(): Promise<void>
}

/** Keeps track of what comes after answers. */
export function openAfterwards(log: FastifyInstance['log']): Afterwards {
  const queue = pLimit(CONCURRENT_MAX)
  const under_way = new Set<Promise<void>>()
  return {
    checkRoom() {
      if (under_way.size >= WAITING_MAX) throw unavailable('too much waits to be done after answers', 1)
    },
    follow(reply, work) {
      const { log: log_of_request } = reply
      const doing = finished(reply.raw)
        .catch(() => undefined)
        .then(() => sleep(BREATH_MS))
        .then(() => queue(work))
        .catch((error: unknown) => log_of_request.error({ err: error }, 'what follows an answer failed'))
        .then(() => void under_way.delete(doing))
      under_way.add(doing)
    },
    async settled() {
      const bound = new AbortController()
      const end = sleep(SETTLE_MS_MAX, undefined, { signal: bound.signal }).catch(() => undefined)
      await Promise.race([Promise.all(under_way), end])
      bound.abort()
      queue.clearQueue()
      if (under_way.size > 0)
        log.error({ works: under_way.size }, 'what follows answers was still under way at the end')
    },
  }
}
