import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Divides the event loop between long work of one kind and everything else. Long work, such as exports or large responses, is
 * done in pieces. Here the pieces of all clients take turns, one at a time, with a pause after each: other requests wait for
 * one piece at most, however many clients ask for long work.
 */
export class Pieces {
  readonly #pause_ms: number
  #began_ms = Number.NEGATIVE_INFINITY
  #last: Promise<void> = Promise.resolve()

  /** @param pause_ms the time from one piece to the next, at least four times as long as a piece takes */
  constructor(pause_ms: number) {
    this.#pause_ms = pause_ms
  }

  /** Waits for the turn of the next piece. Turns come in the order of the calls. */
  turn(): Promise<void> {
    this.#last = this.#last.then(async () => {
      const left_ms = this.#began_ms + this.#pause_ms - performance.now()
      if (left_ms > 0) await sleep(left_ms)
      this.#began_ms = performance.now()
    })
    return this.#last
  }
}
