/** For this long an exchange is carried out on the rights with which it began, as the body of an own route is. */
const YOUNG_MS = 250

/** A request that is being forwarded. */
export interface Exchange {
  /** By `performance.now()`. */
  readonly started_ms: number
}

/**
 * The exchanges that have just begun. Nearly all of them end within milliseconds, so watching the access of each would cost
 * more than it brings. One that lasts longer can be an upload that a client holds back, or a response without an end: its
 * caller may lose access meanwhile.
 */
export class YoungExchanges<E extends Exchange> {
  /** The oldest is first. */
  readonly #young = new Set<E>()

  /** @param onGrown called for each exchange that is no longer young */
  constructor(private readonly onGrown: (exchange: E) => void) {}

  add(exchange: E): void {
    this.#young.add(exchange)
  }

  remove(exchange: E): void {
    this.#young.delete(exchange)
  }

  /** Passes on those that have grown. */
  sweep(): void {
    const now_ms = performance.now()
    for (const exchange of this.#young) {
      if (now_ms - exchange.started_ms < YOUNG_MS) return
      this.#young.delete(exchange)
      this.onGrown(exchange)
    }
  }
}
