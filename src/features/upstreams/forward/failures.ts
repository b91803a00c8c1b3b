import type { ProblemCode } from '../../../contract/problems/catalogue.js'
import { Problem } from '../../../kernel/problems/problems.js'

const TIMEOUTS: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
])
/** Connection refused, DNS failure or TLS verification failure: no byte of the request was sent. */
const UNREACHABLE =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ERR_(TLS|SSL)_.*|UNABLE_TO_.*|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE))$|CERT/

/**
 * The problem for a failed connection to an upstream. The reason contains addresses, so only the log has it.
 * @param code overrides the code that follows from the error
 */
export function problemOfFailure(error: Error, code?: ProblemCode): Problem {
  const reason = (error as NodeJS.ErrnoException).code ?? ''
  return new Problem(code ?? codeOf(reason), { internal: `${reason} ${error.message}`.trim(), cause: error })
}

function codeOf(reason: string): ProblemCode {
  if (TIMEOUTS.has(reason)) return 'upstream_timeout'
  return UNREACHABLE.test(reason) ? 'upstream_unreachable' : 'upstream_bad_answer'
}

/** The tenant has its share of the connections in use. */
export function shareUsedUp(): Problem {
  const detail =
    'This tenant has the maximum number of requests in flight to this service. Retry after the seconds in Retry-After.'
  return new Problem('upstream_unavailable', { detail, headers: { 'retry-after': '1' } })
}

/** No backend can take a request. */
export function noBackend(retry_seconds: number): Problem {
  return new Problem('upstream_unavailable', { headers: { 'retry-after': String(retry_seconds) } })
}
