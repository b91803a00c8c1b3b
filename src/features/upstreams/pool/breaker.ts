import type { Clock } from '../../../kernel/time/clock.js'

/** closed: requests pass; open: no request passes; half_open: one request tries the backend. */
export type BreakerState = 'closed' | 'open' | 'half_open'

/**
 * The circuit breaker of one backend. After several failures in a row it sends the backend no requests for a while: its
 * clients get an error at once and not after a timeout, and the backend can recover. Then one request tries the backend.
 */
export class Breaker {
  private failures = 0
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
    if (this.opened_at_ms === undefined) return
    this.opened_at_ms = undefined
    this.is_tried = false
    this.changed('closed')
  }

  /** The backend did not answer, or its response broke off. */
  fail(): void {
    this.failures += 1
    const is_due = this.opened_at_ms === undefined ? this.failures >= this.size.failures : this.is_tried
    if (!is_due) return
    this.opened_at_ms = this.clock()
    this.is_tried = false
    this.changed('open')
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
