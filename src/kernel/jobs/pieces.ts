import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Divides the event loop between long work and everything else. Long work, such as an export or a large response, is done in
 * pieces. Here the pieces of the whole process take turns, one at a time, with a pause after each: other requests wait for one
 * piece at most, however many clients ask for long work.
 */
export class Pieces {
  readonly #pause_ms: number
  #last: Promise<unknown> = Promise.resolve()

  /** @param pause_ms the time from one piece to the next, at least four times as long as a piece takes */
  constructor(pause_ms: number) {
    this.#pause_ms = pause_ms
  }

  /** Waits for the turn of the next piece. Turns come in the order of the calls. */
  turn(): Promise<unknown> {
    const turn = this.#last
    this.#last = turn.then(() => sleep(this.#pause_ms, undefined, { ref: false }))
    return turn
  }
}
