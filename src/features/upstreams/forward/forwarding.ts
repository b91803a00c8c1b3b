import type { DeclaredRoute, DeclaredSocket } from '../manifest/manifest.js'
import type { ForwardOutcome } from '../metrics.js'
import type { RunningUpstream } from '../pool/running-upstream.js'

/** What the pipeline found out about a request for an upstream. */
export interface Forwarding {
  readonly route: DeclaredRoute | DeclaredSocket
  readonly upstream: RunningUpstream
  /** Path and query as the upstream gets them. */
  readonly path: string
}

/** How it went there; a status is the upstream's own. */
export interface Forwarded {
  readonly name: string
  readonly outcome: ForwardOutcome
  readonly status: number | undefined
  readonly tries: number
}

declare module '../../../kernel/request/findings.js' {
  interface Findings {
    /** The route of an upstream that the request matched, and where it goes. */
    forwarding?: Forwarding
    /** What became of the request at the upstream. */
    upstream?: Forwarded
  }
}
