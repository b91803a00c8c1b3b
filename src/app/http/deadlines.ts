import type { FastifyInstance, FastifyReply } from 'fastify'
import { scheduleUntilClose } from '../../kernel/jobs/schedule.js'
import { unavailable } from '../../kernel/problems/problems.js'

/** The longest that a handler may take to begin its answer. */
const HANDLER_MS_MAX = 20_000
/** How often those that are under way are looked at: so much later a deadline may be noticed. */
const CHECK_MS = 500
const RETRY_AFTER_SECONDS = 2

declare module 'fastify' {
  interface FastifyContextConfig {
    /** For routes whose answers may take longer than others to begin, in milliseconds. */
    handler_ms_max?: number
  }
}

/** An answer that somebody waits for. */
interface UnderWay {
  readonly reply: FastifyReply
  readonly ends_at_ms: number
  /** Where it stands in the list. */
  place: number
}

declare module 'fastify' {
  interface FastifyReply {
    under_way: UnderWay | undefined
  }
}

/**
 * Answers 503 where a handler does not: one timer looks at every request under way.
 *
 * Fastify's own `handlerTimeout` does the same with a timer and an AbortController for each request, and aborts it at
 * the end of each one that went well; the exception that is made for that cost a tenth of a short request.
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
      // What has begun to answer, or is a socket now, is bounded by what it sends; at a closed connection nobody waits.
      const is_over = reply.sent || reply.raw.destroyed
      if (!is_over && now <= ends_at_ms) continue
      forget(all, each)
      if (!is_over) reply.send(unavailable('the handler took too long', RETRY_AFTER_SECONDS))
    }
  }
  scheduleUntilClose(app, { name: 'check deadlines', every_ms: CHECK_MS, run: check })
}

/**
 * Takes one out, and puts the last one into its place. No Map or Set: theirs is a table that is replaced again and again
 * while entries come and go, and each old table refers to the next. One that has outlived a collection or two keeps all
 * its successors, and every request that was under way in one of them, until the next full collection.
 */
function forget(all: UnderWay[], each: UnderWay): void {
  const last = all.at(-1)
  if (last === undefined || all[each.place] !== each) return
  all[each.place] = last
  last.place = each.place
  all.pop()
}
