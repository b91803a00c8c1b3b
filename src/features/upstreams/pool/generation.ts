import { type ScopeCatalogue, scopeCatalogue } from '../../../kernel/permissions/scope-catalogue.js'
import type { Clock } from '../../../kernel/time/clock.js'
import type { DeclaredOperation, DeclaredRoute, DeclaredSocket, Manifest, Method } from '../manifest/manifest.js'
import type { BreakerState } from './breaker.js'
import { type HealthReports, watchHealth } from './health.js'
import { type Matcher, openMatcher } from './matcher.js'
import { RunningUpstream } from './running-upstream.js'

/** The events of upstreams for the log and the metrics. */
export interface Reports extends HealthReports {
  onBreakerChange(upstream: string, origin: string, to: BreakerState): void
}

/**
 * The routes, upstreams and connections of one manifest. A request stays with the generation that matched it until its
 * response is complete, so a new manifest takes effect at once without interrupting requests in flight.
 */
export class Generation {
  readonly upstreams: ReadonlyMap<string, RunningUpstream>
  readonly routes: readonly DeclaredRoute[]
  readonly sockets: readonly DeclaredSocket[]
  /** The declared operations, for the contract and for explanations. */
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
      manifest.upstreams.map((each) => [each.name, new RunningUpstream(each, clock, reports.onBreakerChange)]),
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
    this.stopWatching = watchHealth([...this.upstreams.values()], reports)
  }

  /** Finds the route of a request. HEAD finds the GET route. The path must have passed `targetOf`. */
  find(method: string, path: string): DeclaredRoute | undefined {
    return this.by_method.get(method === 'HEAD' ? 'GET' : method)?.(path)
  }

  findSocket(path: string): DeclaredSocket | undefined {
    return this.of_sockets(path)
  }

  /** Finds the upstream below whose prefix a path is, whether or not a route matches the path. */
  upstreamAt(path: string): RunningUpstream | undefined {
    for (const upstream of this.upstreams.values()) {
      if (`${path}/`.startsWith(`${upstream.declared.prefix}/`)) return upstream
    }
    return undefined
  }

  /** Returns the methods of a path, for `Allow`. */
  methodsOf(path: string): string[] {
    const methods = [...this.by_method].filter(([, match]) => match(path) !== undefined).map(([method]) => method)
    return (methods as (Method | 'HEAD')[]).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).sort()
  }

  /** Adds a request or a socket to this generation. */
  enter(): void {
    this.requests += 1
  }

  /** Removes a request or a socket that has ended. */
  leave(): void {
    this.requests -= 1
    if (this.requests === 0) this.whenEmpty?.()
  }

  /** Marks the generation as replaced. It closes its connections after the last request. */
  retire(closed: () => void): void {
    this.stopWatching()
    this.whenEmpty = () => void this.close().then(closed)
    if (this.requests === 0) this.whenEmpty()
  }

  /** Closes all connections and aborts the requests on them. */
  async close(): Promise<void> {
    this.stopWatching()
    const backends = [...this.upstreams.values()].flatMap((upstream) => upstream.backends)
    await Promise.all(backends.map((backend) => backend.close()))
  }
}
