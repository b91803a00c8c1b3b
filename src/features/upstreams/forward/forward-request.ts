import type { RunningUpstream } from '../pool/running-upstream.js'
import type { RequestBody } from './request-body.js'

/** Methods that the gateway can send twice without harm (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE'])

/** A request of a client, as the upstream receives it. */
export interface ForwardRequest {
  readonly upstream: RunningUpstream
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Names and values in turn. */
  readonly headers: string[]
  readonly body: RequestBody | undefined
  /** Time allowed until the connection, until the first byte of the response, and between later chunks. */
  readonly timeout_ms: number
  /** Time allowed between later chunks of a response that stays open; undefined for other responses. */
  readonly idle_ms_max: number | undefined
}

/** Whether the gateway still has the whole request: no backend has received a part of its body. */
export function isComplete({ body }: ForwardRequest): boolean {
  return body === undefined || !(body.destroyed || body.readableDidRead)
}

/** Whether a backend can receive the request twice without harm. */
export function isIdempotent({ method, body }: ForwardRequest): boolean {
  return body === undefined && IDEMPOTENT.has(method)
}
