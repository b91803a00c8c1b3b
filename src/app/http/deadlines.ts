import type { FastifyInstance, FastifyReply } from 'fastify'
import { scheduleUntilClose } from '../../kernel/jobs/schedule.js'
import { unavailable } from '../../kernel/problems/problems.js'

/** The longest time until a handler must start its response. */
const HANDLER_MS_MAX = 20_000
/** The interval of the check. A deadline is noticed at most this much later. */
const CHECK_MS = 500
const RETRY_AFTER_SECONDS = 2

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A longer deadline for this route, in milliseconds. */
    handler_ms_max?: number
  }
}

/** A response that a client waits for. */
interface UnderWay {
  readonly reply: FastifyReply
  readonly ends_at_ms: number
  /** Its position in the list. */
  place: number
}

declare module 'fastify' {
  interface FastifyReply {
    under_way: UnderWay | undefined
  }
}

/**
 * Answers 503 when a handler does not respond in time. One timer checks all requests in flight.
 *
 * Fastify's `handlerTimeout` creates a timer and an AbortController for each request, and aborts the controller at the end of
 * each successful request. The exception for that abort cost a tenth of a short request.
 */
export function installDeadlines(app: FastifyInstance): void {
  const all: UnderWay[] = []
  app.decorateReply('under_way', undefined)
  app.addHook('onRequest', (request, reply, done) => {
    const ends_at_ms = performance.now() + (request.routeOptions.config?.handler_ms_max ?? HANDLER_MS_MAX)
    reply.under_way = { reply, ends_at_ms, place: all.length }
    all.push(reply.under_way)
    done()
  })
  app.addHook('onResponse', (_request, reply, done) => {
    if (reply.under_way !== undefined) forget(all, reply.under_way)
    done()
  })
  const check = () => {
    const now = performance.now()
    for (const each of [...all]) {
      const { reply, ends_at_ms } = each
      // Skip responses that have started and upgraded sockets (they have their own limits), and closed connections.
      const is_over = reply.sent || reply.raw.destroyed
      if (!is_over && now <= ends_at_ms) continue
      forget(all, each)
      if (!is_over) reply.send(unavailable('the handler took too long', RETRY_AFTER_SECONDS))
    }
  }
  scheduleUntilClose(app, { name: 'check deadlines', every_ms: CHECK_MS, run: check })
}

/**
 * Removes an entry and moves the last one to its position. It is not a Map or a Set: V8 replaces their hash tables while
 * entries come and go, and each old table refers to its successor. An old table that has survived two garbage collections
 * keeps all its successors, and every request in them, until the next full collection.
 */
function forget(all: UnderWay[], each: UnderWay): void {
  const last = all.at(-1)
  if (last === undefined || all[each.place] !== each) return
  all[each.place] = last
  last.place = each.place
  all.pop()
}
