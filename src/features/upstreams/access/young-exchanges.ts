import { LinkedList } from '../../../kernel/linked-list.js'

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
  readonly #young = new LinkedList<E>()

  /** @param onGrown called for each exchange that is no longer young */
  constructor(private readonly onGrown: (exchange: E) => void) {}

  /** @returns a function to call when the exchange has ended */
  add(exchange: E): () => void {
    const link = this.#young.add(exchange)
    return () => this.#young.remove(link)
  }

  /** Passes on those that have grown. */
  sweep(): void {
    const now_ms = performance.now()
    for (let exchange = this.#young.first(); exchange !== undefined; exchange = this.#young.first()) {
      if (now_ms - exchange.started_ms < YOUNG_MS) return
      this.#young.shift()
      this.onGrown(exchange)
    }
  }
}
