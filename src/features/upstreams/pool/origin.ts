import { Pool } from 'undici'
import type { Clock } from '../../../kernel/time/clock.js'
import type { Upstream } from '../manifest/manifest.js'
import { Breaker, type BreakerState } from './breaker.js'

/** A connection that is not there by then is a failure; a request may still have a shorter timeout. */
const CONNECT_MS = 5_000
/** Node closes an idle connection after 5 s: whoever reuses one later than that meets a closed door. */
const KEEP_ALIVE_MS = 4_000
const KEEP_ALIVE_MS_MAX = 60_000
/** As much as the gateway takes from a caller. */
const HEADER_BYTES_MAX = 16_384

/** One place where an upstream runs: its connections, and what is known about its state. */
export class Origin {
  readonly pool: Pool
  readonly breaker: Breaker
  /** What the health check says; true where there is none. */
  is_healthy = true
  /** Requests that are there or wait for a connection. */
  in_flight = 0

  constructor(
    readonly url: string,
    private readonly upstream: Upstream,
    clock: Clock,
    breakerChanged: (origin: Origin, to: BreakerState) => void,
  ) {
    this.pool = openPool(url, upstream, upstream.connections_max)
    this.breaker = new Breaker(upstream.breaker, clock, (to) => breakerChanged(this, to))
  }

  /** Whether a request may go there now. As many may wait as there are connections, and no more. */
  isPassable(): boolean {
    return this.is_healthy && this.in_flight < 2 * this.upstream.connections_max && this.breaker.isPassable()
  }
}

/**
 * A pool of HTTP/1.1 connections, one request on each at a time. Certificates are verified whatever the manifest says;
 * it can only say against what.
 */
export function openPool(url: string, { ca }: Pick<Upstream, 'ca'>, connections: number): Pool {
  return new Pool(url, {
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
