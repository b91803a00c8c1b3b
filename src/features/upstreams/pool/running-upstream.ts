import type { ServerResponse } from 'node:http'
import { ConcurrencyCounter } from '../../../kernel/limits/concurrency.js'
import type { Clock } from '../../../kernel/time/clock.js'
import { requestHeaderNames, responseHeaderNames } from '../manifest/header-names.js'
import type { Upstream } from '../manifest/manifest.js'
import { Backend } from './backend.js'
import type { BreakerState } from './breaker.js'
import { Tries } from './tries.js'

/** An upstream of the current manifest, or of an earlier one that still has requests in flight. */
export class RunningUpstream {
  readonly backends: readonly Backend[]
  readonly request_headers: readonly string[]
  readonly response_headers: ReadonlySet<string>
  /** Requests in flight, by tenant. */
  private readonly shares = new ConcurrencyCounter()
  /** One tenant can use half of all connections, so other tenants always find some. */
  private readonly share_max: number
  private turn = 0

  constructor(
    readonly declared: Upstream,
    clock: Clock,
    onBreakerChange: (upstream: string, origin: string, to: BreakerState) => void,
  ) {
    this.backends = declared.origins.map(
      (url) => new Backend(url, declared, clock, (backend, to) => onBreakerChange(declared.name, backend.url, to)),
    )
    this.share_max = Math.max(1, Math.floor((declared.connections_max * declared.origins.length) / 2))
    this.request_headers = requestHeaderNames(declared.headers.request)
    this.response_headers = responseHeaderNames(declared.headers.response)
  }

  /** Begins the tries of one request or handshake. */
  tries(timeout_ms: number): Tries {
    const { retries, origins } = this.declared
    return new Tries({ backends: origins.length, retries, timeout_ms }, (tried) => this.choose(tried))
  }

  /** Counts a request of a tenant until its response has closed. @returns false if the tenant has its share already */
  takeShare(tenant_id: string, response: ServerResponse): boolean {
    if (!this.shares.enter(tenant_id, this.share_max)) return false
    response.once('close', () => this.shares.leave(tenant_id))
    return true
  }

  /** The next backend that can take a request (round robin). It returns one that was tried only if there is no other. */
  private choose(tried: readonly Backend[]): Backend | undefined {
    const { backends } = this
    let second: Backend | undefined
    for (let step = 0; step < backends.length; step += 1) {
      const backend = backends[(this.turn + step) % backends.length] as Backend
      if (!backend.isPassable()) continue
      if (tried.includes(backend)) second ??= backend
      else {
        this.turn = (this.turn + step + 1) % backends.length
        return backend
      }
    }
    return second
  }

  /** Seconds until a backend can take a request again; at least 1. */
  retrySeconds(): number {
    const waits = this.backends.map(({ breaker }) => breaker.retryMs())
    return Math.max(1, Math.ceil(Math.min(...waits) / 1000))
  }

  /** The path for the upstream: `rewrite` replaces the prefix, and the rest does not change. */
  pathOf(path: string): string {
    const { prefix, rewrite } = this.declared
    const sent = rewrite + path.slice(prefix.length)
    return sent === '' ? '/' : sent
  }
}
