import type { Clock } from '../../../kernel/time/clock.js'

/** closed: all is well; open: it is left alone; half_open: one request is on its way to try it. */
export type BreakerState = 'closed' | 'open' | 'half_open'

/**
 * Leaves an origin alone that fails again and again: a caller learns at once what would otherwise take a timeout, and
 * the origin is not kept down by those who wait for it. After a while one request tries it, and decides.
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

  /** Whether a request may go there now. */
  isPassable(): boolean {
    return this.opened_at_ms === undefined || (!this.is_tried && this.retryMs() === 0)
  }

  /** A request goes there; of an open one, it is the try. */
  enter(): void {
    if (this.opened_at_ms === undefined) return
    this.is_tried = true
    this.changed('half_open')
  }

  /** It answered, whatever it answered. */
  succeed(): void {
    this.failures = 0
    if (this.opened_at_ms === undefined) return
    this.opened_at_ms = undefined
    this.is_tried = false
    this.changed('closed')
  }

  /** It did not answer, or broke off. */
  fail(): void {
    this.failures += 1
    const is_due = this.opened_at_ms === undefined ? this.failures >= this.size.failures : this.is_tried
    if (!is_due) return
    this.opened_at_ms = this.clock()
    this.is_tried = false
    this.changed('open')
  }

  /** The request ended without saying anything about the origin; a try is free for the next one. */
  leave(): void {
    this.is_tried = false
  }

  /** Until it may be tried; 0 when it may be now. */
  retryMs(): number {
    if (this.opened_at_ms === undefined) return 0
    return Math.max(0, this.opened_at_ms + this.size.open_ms - this.clock())
  }
}
