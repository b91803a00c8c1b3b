import { randomFillSync } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** `version-trace-parent-flags` (W3C Trace Context section 3.2). Ids of zeros are invalid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
const TRACESTATE_CHARACTERS_MAX = 512
const ID_BYTES = 24
/** The number of requests for which random bytes are generated at once. */
const pool = Buffer.alloc(ID_BYTES * 256)
let used = pool.length

/**
 * Returns the `traceparent` of a request: that of the client, unchanged, because the gateway adds no span; or a new one if the
 * request has no valid one.
 */
export function pushTrace(headers: string[], given: IncomingHttpHeaders): void {
  const { traceparent, tracestate } = given
  if (typeof traceparent !== 'string' || !TRACEPARENT.test(traceparent)) {
    headers.push('traceparent', newTraceparent())
    return
  }
  headers.push('traceparent', traceparent)
  if (typeof tracestate === 'string' && tracestate.length <= TRACESTATE_CHARACTERS_MAX) {
    headers.push('tracestate', tracestate)
  }
}

function newTraceparent(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const ids = pool.toString('hex', used, used + ID_BYTES)
  used += ID_BYTES
  return `00-${ids.slice(0, 32)}-${ids.slice(32)}-00`
}
