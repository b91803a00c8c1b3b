import { Pool } from 'undici'
import type { Clock } from '../../../kernel/time/clock.js'
import type { Upstream } from '../manifest/manifest.js'
import { Breaker, type BreakerState } from './breaker.js'
import { openConnection } from './connection.js'

/** A connection that takes longer to open has failed. A request can have a shorter timeout. */
export const CONNECT_MS = 5_000
/** Node closes an idle connection after 5 s, so the gateway must not reuse one that is older. */
const KEEP_ALIVE_MS = 4_000
const KEEP_ALIVE_MS_MAX = 60_000
/** The same bound as for the headers of a client. */
const HEADER_BYTES_MAX = 16_384

/** One address of an upstream (`origins` of the manifest): its connections, its health and its breaker. */
export class Backend {
  readonly pool: Pool
  readonly breaker: Breaker
  /** The result of the health check; true if there is none. */
  is_healthy = true
  /** Requests that the backend has, or that wait for a connection to it. */
  in_flight = 0

  constructor(
    readonly url: string,
    private readonly upstream: Upstream,
    clock: Clock,
    onBreakerChange: (backend: Backend, to: BreakerState) => void,
  ) {
    this.pool = openPool(url, upstream, upstream.connections_max)
    this.breaker = new Breaker(upstream.breaker, clock, (to) => onBreakerChange(this, to))
  }

  /** Whether the backend can take a request now. At most as many requests wait as there are connections. */
  isPassable(): boolean {
    return this.is_healthy && this.in_flight < 2 * this.upstream.connections_max && this.breaker.isPassable()
  }
}

/**
 * A pool of HTTP/1.1 connections, with one request at a time on each. It always verifies certificates. A manifest can
 * only choose the CA.
 */
export function openPool(url: string, { ca }: Pick<Upstream, 'ca'>, connections: number): Pool {
  return new Pool(url, {
    factory: openConnection,
    connections,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS_MAX,
    maxHeaderSize: HEADER_BYTES_MAX,
    strictContentLength: true,
    connect: { timeout: CONNECT_MS, rejectUnauthorized: true, ...(ca !== undefined && { ca }) },
  })
}
