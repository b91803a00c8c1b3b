import type { IncomingMessage } from 'node:http'

/** Requests of all callers that begin in one turn of the event loop. */
const TURN_MAX = 8
/**
 * Requests of one caller that begin in one turn. With four, a burst of 150 changes moved the p99 of another caller from 4 to
 * 17 ms, with one to 6 to 10 ms. A turn costs as much as half of a small request, so a caller who is alone fills the turn.
 */
const CALLER_MAX = 1
/** A caller is alone when the last request of another one is so long ago. */
const ALONE_AFTER_MS = 1_000

type Begin = () => void

/**
 * Divides the event loop among callers. Requests that arrive together, such as 60 of one tenant, would run one after another
 * before anything else, and a request of another tenant would wait for all of them. Here a few begin in each turn of the
 * loop, callers that wait take turns, and what has arrived meanwhile is read between two turns.
 *
 * A caller is what the request claims to be, because the credentials are checked later, together with its address, so that
 * nobody can slow another one by their name. Nobody gains from a false claim: a client that claims to be many callers gets
 * what it would get without this class, and the budgets hold afterwards.
 */
export class LoopTurns {
  /** In the order of their turns. */
  readonly #waiting = new Map<string, Begin[]>()
  /** The callers of the requests that have begun in this turn. An array, because a Map would grow with each request. */
  readonly #begun: string[] = []
  #next_turn: NodeJS.Immediate | undefined
  #last_caller: string | undefined
  #others_at_ms = Number.NEGATIVE_INFINITY
  readonly #nowMs: () => number

  /** @param nowMs a clock that never goes back, in milliseconds */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** Begins a request now or in one of the next turns. What waits is bounded by the number of connections. */
  run(caller: string, begin: Begin): void {
    this.#next_turn ??= setImmediate(this.#turn)
    if (caller !== this.#last_caller) {
      if (this.#last_caller !== undefined) this.#others_at_ms = this.#nowMs()
      this.#last_caller = caller
    }
    const queue = this.#waiting.get(caller)
    if (queue !== undefined) queue.push(begin)
    else if (this.#isFull() || !this.#hasRoom(caller)) this.#waiting.set(caller, [begin])
    else this.#begin(caller, begin)
  }

  #isFull(): boolean {
    return this.#begun.length >= TURN_MAX
  }

  #hasRoom(caller: string): boolean {
    let begun = 0
    for (const other of this.#begun) if (other === caller) begun += 1
    return begun < CALLER_MAX || this.#nowMs() - this.#others_at_ms > ALONE_AFTER_MS
  }

  #begin(caller: string, begin: Begin): void {
    this.#begun.push(caller)
    begin()
  }

  /** Begins one request of each caller, again and again, until the turn is full. A caller that still waits goes to the end. */
  readonly #turn = (): void => {
    this.#begun.length = 0
    this.#next_turn = this.#waiting.size > 0 ? setImmediate(this.#turn) : undefined
    for (const [caller, queue] of this.#waiting) {
      if (this.#isFull()) return
      if (!this.#hasRoom(caller)) continue
      // Set again, it comes behind the others, and this loop reaches it once more.
      this.#waiting.delete(caller)
      const begin = queue.shift()
      if (queue.length > 0) this.#waiting.set(caller, queue)
      if (begin !== undefined) this.#begin(caller, begin)
    }
  }
}

/**
 * Returns what a request claims to be: its tenant, otherwise its access token, with the address that it comes from. A proxy
 * appends that address to `X-Forwarded-For`. With it, a client cannot wait in the line of a tenant that others belong to.
 */
export function claimedCaller({ headers, socket }: IncomingMessage): string {
  const { 'x-tenant-id': tenant, 'x-forwarded-for': forwarded, authorization } = headers
  const from = typeof forwarded === 'string' ? forwarded.slice(forwarded.lastIndexOf(',') + 1) : ''
  return `${socket.remoteAddress} ${from} ${typeof tenant === 'string' ? tenant : authorization}`
}
