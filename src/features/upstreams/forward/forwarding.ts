import type { DeclaredRoute, DeclaredSocket } from '../manifest/manifest.js'
import type { ForwardOutcome } from '../metrics.js'
import type { RunningUpstream } from '../pool/running-upstream.js'

/** The declared route of a request, and its upstream. */
export interface Forwarding {
  readonly route: DeclaredRoute | DeclaredSocket
  readonly upstream: RunningUpstream
  /** The path that the client sent, and that the gateway matched with the route. */
  readonly public_path: string
  /** Path and query, as the upstream receives them. */
  readonly path: string
}

/** The outcome at the upstream. The status is that of the upstream. */
export interface Forwarded {
  readonly name: string
  readonly outcome: ForwardOutcome
  readonly status: number | undefined
  readonly tries: number
}

declare module '../../../kernel/request/findings.js' {
  interface Findings {
    /** The declared route of the request, and its upstream. */
    forwarding?: Forwarding
    /** The outcome of the request at the upstream. */
    upstream?: Forwarded
  }
}
