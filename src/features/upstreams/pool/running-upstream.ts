import type { Clock } from '../../../kernel/time/clock.js'
import { requestHeaderNames, responseHeaderNames } from '../manifest/header-names.js'
import type { Upstream } from '../manifest/manifest.js'
import type { BreakerState } from './breaker.js'
import { Origin } from './origin.js'
import { Shares } from './shares.js'

/** An upstream of the current manifest, or of one before it that still answers. */
export class RunningUpstream {
  readonly origins: readonly Origin[]
  readonly request_headers: readonly string[]
  readonly response_headers: ReadonlySet<string>
  /** Half of all connections for one tenant: another one always finds some. */
  readonly shares: Shares
  private turn = 0

  constructor(
    readonly declared: Upstream,
    clock: Clock,
    breakerChanged: (upstream: string, origin: string, to: BreakerState) => void,
  ) {
    this.origins = declared.origins.map(
      (url) => new Origin(url, declared, clock, (origin, to) => breakerChanged(declared.name, origin.url, to)),
    )
    this.shares = new Shares(Math.max(1, Math.floor((declared.connections_max * declared.origins.length) / 2)))
    this.request_headers = requestHeaderNames(declared.headers.request)
    this.response_headers = responseHeaderNames(declared.headers.response)
  }

  /** The next origin that may be asked, in turn; one that was tried before only when there is no other. */
  choose(tried: readonly Origin[]): Origin | undefined {
    const { origins } = this
    let second: Origin | undefined
    for (let step = 0; step < origins.length; step += 1) {
      const origin = origins[(this.turn + step) % origins.length] as Origin
      if (!origin.isPassable()) continue
      if (tried.includes(origin)) second ??= origin
      else {
        this.turn = (this.turn + step + 1) % origins.length
        return origin
      }
    }
    return second
  }

  /** Seconds until some origin may be asked again: 1 where nobody can know. */
  retrySeconds(): number {
    const waits = this.origins.map((origin) => origin.breaker.retryMs())
    return Math.max(1, Math.ceil(Math.min(...waits) / 1000))
  }

  /** The path that is sent: the prefix is replaced, the rest is as it came. */
  pathOf(path: string): string {
    const { prefix, rewrite } = this.declared
    const sent = rewrite + path.slice(prefix.length)
    return sent === '' ? '/' : sent
  }

  /** A place of the upstream as callers find it; undefined for one that they cannot find; anything else as it is. */
  publicLocation(location: string): string | undefined {
    const { prefix, rewrite, origins } = this.declared
    const origin = origins.find((each) => `${location}/`.startsWith(`${each}/`)) ?? ''
    const path = location.slice(origin.length)
    if (!path.startsWith('/') || path.startsWith('//') || !`${path}/`.startsWith(`${rewrite}/`)) {
      return origin === '' ? location : undefined
    }
    return prefix + path.slice(rewrite.length)
  }
}
