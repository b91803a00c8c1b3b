import type { FastifyInstance, FastifyReply } from 'fastify'
import { scheduleUntilClose } from '../../kernel/jobs/schedule.js'
import { Problem, unavailable } from '../../kernel/problems/problems.js'
import { hasBody } from '../../kernel/request/body.js'

/** The longest time until a handler must start its response, counted from the end of the request. */
const HANDLER_MS_MAX = 20_000
/** The longest time until the whole request must have arrived. Node has the same limit, and checks it every 30 s. */
export const REQUEST_MS_MAX = 30_000
/** The interval of the check. A deadline is noticed at most this much later. */
const CHECK_MS = 500
const RETRY_AFTER_SECONDS = 2
/** The most bytes of one response that may stay unread in memory for `UNREAD_MS_MAX`. Streams have limits of their own. */
const UNREAD_BYTES_MAX = 1_048_576
const UNREAD_MS_MAX = 15_000

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A longer deadline for this route, in milliseconds. */
    handler_ms_max?: number
  }
}

/** A response that a client waits for, or that it reads. */
interface UnderWay {
  readonly reply: FastifyReply
  /** When the request began, by `performance.now()`. */
  readonly began_at_ms: number
  /** When the whole request had arrived; undefined before that. Noticed at most CHECK_MS late. */
  arrived_at_ms: number | undefined
  /** Since when more than UNREAD_BYTES_MAX of the response have been unread, by `performance.now()`. */
  unread_since_ms: number | undefined
  /** Its position in the list. */
  place: number
}

declare module 'fastify' {
  interface FastifyReply {
    under_way: UnderWay | undefined
  }
}

/**
 * Answers 408 when a request does not arrive in time, and 503 when a handler does not respond in time. Closes the connection
 * of a client that does not read a large response. One timer checks all requests in flight.
 *
 * Fastify's `handlerTimeout` creates a timer and an AbortController for each request, and aborts the controller at the end of
 * each successful request. The exception for that abort cost a tenth of a short request.
 */
export function installDeadlines(app: FastifyInstance): void {
  const all: UnderWay[] = []
  app.decorateReply('under_way', undefined)
  app.addHook('onRequest', (request, reply, done) => {
    const began_at_ms = performance.now()
    const arrived_at_ms = hasBody(request.raw) ? undefined : began_at_ms
    reply.under_way = { reply, began_at_ms, arrived_at_ms, unread_since_ms: undefined, place: all.length }
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
      const { reply } = each
      // An upgraded socket and a closed connection have no response that the client could still read.
      const is_over = reply.raw.destroyed || (reply.sent && !reply.raw.headersSent)
      if (is_over) forget(all, each)
      else if (reply.sent) checkUnread(each, now)
      else {
        const problem = problemOf(each, now)
        if (problem === undefined) continue
        forget(all, each)
        // The rest of the body can still arrive. It must not be taken for another request.
        if (!reply.request.raw.complete) reply.header('connection', 'close')
        reply.send(problem)
      }
    }
  }
  scheduleUntilClose(app, { name: 'check deadlines', every_ms: CHECK_MS, run: check })
}

/** The problem of a request that has taken too long: because its client is slow, or because the handler is. */
function problemOf(each: UnderWay, now: number): Problem | undefined {
  const { raw, routeOptions } = each.reply.request
  const handler_ms_max = routeOptions.config?.handler_ms_max ?? HANDLER_MS_MAX
  if (each.arrived_at_ms === undefined) {
    if (!raw.complete) return now - each.began_at_ms > REQUEST_MS_MAX ? new Problem('request_timeout') : undefined
    each.arrived_at_ms = now
  }
  if (now - each.arrived_at_ms <= handler_ms_max) return undefined
  return unavailable('the handler took too long', RETRY_AFTER_SECONDS)
}

/** Closes the connection if too much of the response has been unread for too long. */
function checkUnread(each: UnderWay, now: number): void {
  const { raw } = each.reply
  if (raw.writableLength <= UNREAD_BYTES_MAX) each.unread_since_ms = undefined
  else if (each.unread_since_ms === undefined) each.unread_since_ms = now
  else if (now - each.unread_since_ms > UNREAD_MS_MAX) raw.destroy()
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
