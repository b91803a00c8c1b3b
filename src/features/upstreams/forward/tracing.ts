import { randomFillSync } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** `version-trace-parent-flags` (W3C Trace Context section 3.2); ids of zeros are none. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
const TRACESTATE_CHARACTERS_MAX = 512
const ID_BYTES = 24
/** Random bytes are fetched for many requests at once. */
const pool = Buffer.alloc(ID_BYTES * 256)
let used = pool.length

/**
 * The trace that a request belongs to: the caller's, as it is, for the gateway adds no span to it; or a new one, when
 * there is none that can be read.
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
