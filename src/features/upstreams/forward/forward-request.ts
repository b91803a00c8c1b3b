import type { RunningUpstream } from '../pool/running-upstream.js'
import type { RequestBody } from './request-body.js'

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
}
