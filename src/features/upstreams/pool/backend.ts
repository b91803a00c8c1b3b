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

/** Open streams to one origin. The manifest bounds those of each tenant. */
const STREAMS_MAX = 10_000

/** A pool of connections, and the requests that use it. */
export interface Lane {
  readonly pool: Pool
  /** Requests that the backend has, or that wait for a connection to it. */
  in_flight: number
}

/** One address of an upstream (`origins` of the manifest): its connections, its health and its breaker. */
export class Backend {
  readonly requests: Lane
  /** Requests whose responses stay open. They must not occupy the connections of the others. */
  readonly streams: Lane
  readonly breaker: Breaker
  /** The result of the health check; true if there is none. */
  is_healthy = true

  constructor(
    readonly url: string,
    private readonly upstream: Upstream,
    clock: Clock,
    onBreakerChange: (backend: Backend, to: BreakerState) => void,
  ) {
    this.requests = { pool: openPool(url, upstream, upstream.connections_max), in_flight: 0 }
    this.streams = { pool: openPool(url, upstream, STREAMS_MAX), in_flight: 0 }
    this.breaker = new Breaker(upstream.breaker, clock, (to) => onBreakerChange(this, to))
  }

  get in_flight(): number {
    return this.requests.in_flight + this.streams.in_flight
  }

  /** Destroys all connections. */
  async close(): Promise<void> {
    await Promise.all([this.requests.pool.destroy(), this.streams.pool.destroy()])
  }

  /** Whether the backend can take a request now. At most as many requests wait as there are connections. */
  isPassable(): boolean {
    return this.is_healthy && this.requests.in_flight < 2 * this.upstream.connections_max && this.breaker.isPassable()
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
