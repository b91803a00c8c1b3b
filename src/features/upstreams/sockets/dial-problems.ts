import type { IncomingMessage } from 'node:http'
import { Problem } from '../../../kernel/problems/problems.js'
import type { Upstream } from '../manifest/manifest.js'
import { alternativesOf } from './alternatives.js'
import type { DialFailure } from './relay-dial.js'

/** The service does not accept this caller: Unauthorized, Forbidden, Proxy Authentication Required. */
const OF_CALLER: ReadonlySet<number> = new Set([401, 403, 407])
/** Statuses below 500 that another attempt can change: Request Timeout, Too Early. */
const PASSING: ReadonlySet<number> = new Set([408, 425])
const TOO_MANY_REQUESTS = 429
const SERVICE_UNAVAILABLE = 503
/** If the service does not say when to retry. */
const RETRY_AFTER_SECONDS = '5'

/** The problem that a client gets if the gateway could not open a socket to the upstream. */
export function problemOfDial({ kind, response, message, cause }: DialFailure, upstream: Upstream): Problem {
  const internal = `${upstream.name}: ${message} ${cause ?? ''}`.trim()
  if (kind === 'timeout') return new Problem('upstream_timeout', { internal, cause })
  if (kind === 'broken') return new Problem('upstream_bad_answer', { internal, cause })
  if (response === undefined) return new Problem('upstream_unreachable', { internal, cause })
  return problemOfRefusal(response, upstream, internal)
}

/**
 * The service answered the handshake with HTTP. The status tells the client whether another attempt can help. A refusal of
 * the caller is 502, because 401 and 403 of the gateway are about its own credentials and scopes.
 */
function problemOfRefusal(
  { statusCode: status = 0, headers }: Pick<IncomingMessage, 'statusCode' | 'headers'>,
  upstream: Upstream,
  internal: string,
): Problem {
  const members = { upstream: upstream.name, upstream_status: status }
  const retry = { 'retry-after': retryAfterOf(headers['retry-after']) }
  if (status === TOO_MANY_REQUESTS) return new Problem('upstream_rate_limited', { internal, members, headers: retry })
  if (status === SERVICE_UNAVAILABLE) return new Problem('upstream_busy', { internal, members, headers: retry })
  if (OF_CALLER.has(status)) return new Problem('upstream_refused_caller', { internal, members })
  const answered = `The service behind the gateway answered ${status} to the handshake`
  if (status >= 500 || PASSING.has(status)) {
    return new Problem('upstream_bad_answer', { internal, members, detail: `${answered}. Retry with growing pauses.` })
  }
  const { poll, advice } = alternativesOf(upstream)
  const detail = `${answered}: it has no such WebSocket. ${advice}`
  return new Problem('upstream_no_web_socket', { internal, detail, members: { ...members, poll } })
}

/** `Retry-After` of the service, in seconds or as a date (RFC 9110 section 10.2.3), or a default if it sent none. */
function retryAfterOf(sent: string | undefined): string {
  if (sent === undefined) return RETRY_AFTER_SECONDS
  const is_valid = /^\d{1,7}$/.test(sent) || new Date(sent).toUTCString() === sent
  return is_valid ? sent : RETRY_AFTER_SECONDS
}
