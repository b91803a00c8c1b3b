import { type ScopeCatalogue, scopeCatalogue } from '../../../kernel/permissions/scope-catalogue.js'
import type { Clock } from '../../../kernel/time/clock.js'
import type { DeclaredOperation, DeclaredRoute, DeclaredSocket, Manifest, Method } from '../manifest/manifest.js'
import type { BreakerState } from './breaker.js'
import { type HealthSaid, watchHealth } from './health.js'
import { type Matcher, openMatcher } from './matcher.js'
import { RunningUpstream } from './running-upstream.js'

/** What is worth a line in the log and a metric. */
export interface Reports {
  breakerChanged(upstream: string, origin: string, to: BreakerState): void
  readonly healthSaid: HealthSaid
}

/**
 * Everything that one manifest makes: routes, upstreams, connections. A request belongs to the generation in which it
 * was matched until it is answered; so a new manifest takes effect at once, and takes nothing away from anybody.
 */
export class Generation {
  readonly upstreams: ReadonlyMap<string, RunningUpstream>
  readonly routes: readonly DeclaredRoute[]
  readonly sockets: readonly DeclaredSocket[]
  /** What there is to ask for, for whoever documents or explains it. */
  readonly operations: readonly DeclaredOperation[]
  /** The scopes that exist while this generation is current. */
  readonly scopes: ScopeCatalogue
  private readonly by_method: ReadonlyMap<string, Matcher<DeclaredRoute>>
  private readonly of_sockets: Matcher<DeclaredSocket>
  private readonly stopWatching: () => void
  private requests = 0
  private whenEmpty: (() => void) | undefined

  constructor(
    readonly manifest: Manifest,
    clock: Clock,
    reports: Reports,
  ) {
    this.upstreams = new Map(
      manifest.upstreams.map((each) => [each.name, new RunningUpstream(each, clock, reports.breakerChanged)]),
    )
    this.routes = manifest.upstreams.flatMap((each) => each.routes)
    this.sockets = manifest.upstreams.flatMap((each) => each.sockets)
    this.operations = [...this.routes, ...this.sockets]
    this.scopes = scopeCatalogue(manifest.scopes)
    const methods = [...new Set(this.routes.map((route) => route.method))]
    this.by_method = new Map(
      methods.map((method) => [method, openMatcher(this.routes.filter((route) => route.method === method))]),
    )
    this.of_sockets = openMatcher(this.sockets)
    this.stopWatching = watchHealth([...this.upstreams.values()], reports.healthSaid)
  }

  /** The route of a request; HEAD goes with GET. The path must have passed `targetOf`. */
  find(method: string, path: string): DeclaredRoute | undefined {
    return this.by_method.get(method === 'HEAD' ? 'GET' : method)?.(path)
  }

  findSocket(path: string): DeclaredSocket | undefined {
    return this.of_sockets(path)
  }

  /** The methods that a path has, for `Allow`. */
  methodsOf(path: string): string[] {
    const methods = [...this.by_method].filter(([, match]) => match(path) !== undefined).map(([method]) => method)
    return (methods as (Method | 'HEAD')[]).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).sort()
  }

  /** A request, or a socket, belongs to this generation from now on. */
  enter(): void {
    this.requests += 1
  }

  /** It is over. */
  leave(): void {
    this.requests -= 1
    if (this.requests === 0) this.whenEmpty?.()
  }

  /** Another generation has taken its place: connections are closed after the last request. */
  retire(closed: () => void): void {
    this.stopWatching()
    this.whenEmpty = () => void this.close().then(closed)
    if (this.requests === 0) this.whenEmpty()
  }

  /** Closes all connections, and breaks off whatever is still going on. */
  async close(): Promise<void> {
    this.stopWatching()
    const backends = [...this.upstreams.values()].flatMap((upstream) => upstream.backends)
    await Promise.all(backends.map(({ pool }) => pool.destroy()))
  }
}
