import type { FastifyInstance, FastifyReply } from 'fastify'
import { unavailable } from './problems.js'

/** The longest that a handler may take to begin its answer. */
const HANDLER_MS_MAX = 20_000
/** How often those that are under way are looked at: so much later a deadline may be noticed. */
const SWEEP_MS = 500
const RETRY_AFTER_SECONDS = 2

declare module 'fastify' {
  interface FastifyContextConfig {
    /** For routes whose answers may take longer than others to begin, in milliseconds. */
    handler_ms_max?: number
  }
}

/**
 * Answers 503 where a handler does not: one timer looks at every request under way.
 *
 * Fastify's own `handlerTimeout` does the same with a timer and an AbortController for each request, and aborts it at
 * the end of each one that went well; the exception that is made for that cost a tenth of a short request.
 */
export function installDeadlines(app: FastifyInstance): void {
  const under_way = new Map<FastifyReply, number>()
  app.addHook('onRequest', (request, reply, done) => {
    under_way.set(reply, performance.now() + (request.routeOptions.config?.handler_ms_max ?? HANDLER_MS_MAX))
    done()
  })
  app.addHook('onResponse', (_request, reply, done) => {
    under_way.delete(reply)
    done()
  })
  const timer = setInterval(() => {
    const now = performance.now()
    for (const [reply, ends_at_ms] of under_way) {
      // What has begun to answer, or is a socket now, is bounded by what it sends.
      if (reply.sent) under_way.delete(reply)
      else if (now > ends_at_ms) {
        under_way.delete(reply)
        reply.send(unavailable('the handler took too long', RETRY_AFTER_SECONDS))
      }
    }
  }, SWEEP_MS)
  timer.unref()
  app.addHook('onClose', async () => clearInterval(timer))
}
