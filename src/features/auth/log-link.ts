import type { FastifyBaseLogger } from 'fastify'
import type { LinkOutcome } from './one-time-tokens-store.js'

/** Logs why a request for a link sent no mail, for an operator whom the user asks. The response never says it. */
export function logLink(log: FastifyBaseLogger, outcome: LinkOutcome | undefined): void {
  if (outcome === undefined || outcome === 'queued') return
  if (outcome === 'queue_full') log.error({ outcome }, 'link not mailed: too many mails are waiting')
  else log.info({ outcome }, 'link not mailed')
}
