import type { Clock } from '../../../kernel/time/clock.js'

/** closed: requests pass; open: no request passes; half_open: one request tries the backend. */
export type BreakerState = 'closed' | 'open' | 'half_open'

/**
 * How a request failed: the gateway could not connect, or the backend did not answer a request of this tenant in time or
 * broke its response off.
 */
export type BackendFailure = { readonly kind: 'connection' } | { readonly kind: 'response'; readonly tenant_id: string }

/** The time over which answers and failed responses are compared. */
const WINDOW_MS = 10_000
/** The least number of requests in a window that says something about the backend. */
const WINDOW_REQUESTS_MIN = 20
/** The part of failed responses in a window from which on the backend counts as failing. */
const FAILED_PART_MIN = 0.5
const TENANTS_MIN = 2

interface Window {
  readonly ends_at_ms: number
  requests: number
  failed: number
  /** The first tenants whose requests failed; at most TENANTS_MIN. */
  readonly tenants: Set<string>
}

/**
 * The circuit breaker of one backend. When the backend fails, it gets no requests for a while: its clients get an error at
 * once and not after a timeout, and the backend can recover. Then one request tries the backend.
 *
 * Failed connections count in a row. Failed responses count as a part of all requests, and only if requests of several
 * tenants fail: a tenant that calls slow routes of the backend must not take it away from the others.
 */
export class Breaker {
  private failures = 0
  private window: Window | undefined
  private opened_at_ms: number | undefined
  private is_tried = false

  constructor(
    private readonly size: { readonly failures: number; readonly open_ms: number },
    private readonly clock: Clock,
    private readonly changed: (to: BreakerState) => void,
  ) {}

  get state(): BreakerState {
    if (this.opened_at_ms === undefined) return 'closed'
    return this.is_tried ? 'half_open' : 'open'
  }

  /** Whether the backend can take a request now. */
  isPassable(): boolean {
    return this.opened_at_ms === undefined || (!this.is_tried && this.retryMs() === 0)
  }

  /** The gateway sends a request. If the breaker is open, that request is the try. */
  enter(): void {
    if (this.opened_at_ms === undefined) return
    this.is_tried = true
    this.changed('half_open')
  }

  /** The backend answered, with any status. */
  succeed(): void {
    this.failures = 0
    this.windowNow().requests += 1
    if (this.opened_at_ms === undefined) return
    this.opened_at_ms = undefined
    this.is_tried = false
    this.changed('closed')
  }

  /** A request failed through a fault of the backend. */
  fail(failure: BackendFailure): void {
    const is_due = this.isDue(failure)
    if (this.opened_at_ms === undefined ? !is_due : !this.is_tried) return
    this.opened_at_ms = this.clock()
    this.is_tried = false
    this.window = undefined
    this.changed('open')
  }

  private isDue(failure: BackendFailure): boolean {
    if (failure.kind === 'connection') {
      this.failures += 1
      return this.failures >= this.size.failures
    }
    const window = this.windowNow()
    window.requests += 1
    window.failed += 1
    if (window.tenants.size < TENANTS_MIN) window.tenants.add(failure.tenant_id)
    return (
      window.requests >= Math.max(WINDOW_REQUESTS_MIN, this.size.failures) &&
      window.failed >= window.requests * FAILED_PART_MIN &&
      window.tenants.size >= TENANTS_MIN
    )
  }

  private windowNow(): Window {
    const now_ms = this.clock()
    if (this.window === undefined || this.window.ends_at_ms <= now_ms) {
      this.window = { ends_at_ms: now_ms + WINDOW_MS, requests: 0, failed: 0, tenants: new Set() }
    }
    return this.window
  }

  /** The request ended and says nothing about the backend. The next request can try it. */
  leave(): void {
    this.is_tried = false
  }

  /** Milliseconds until a request can try the backend; 0 if it can now. */
  retryMs(): number {
    if (this.opened_at_ms === undefined) return 0
    return Math.max(0, this.opened_at_ms + this.size.open_ms - this.clock())
  }
}
