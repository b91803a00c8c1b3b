import { unavailable } from '../problems/problems.js'

/** Operations of one share that wait. Beyond it the share gets 503. */
const WAITING_MAX = 200
/** The longest wait for a connection. After it the operation gets 503. */
const WAIT_MS_MAX = 3_000
const RETRY_AFTER_SECONDS = 1

interface Waiter {
  readonly begin: () => void
  readonly timer: NodeJS.Timeout
}

interface Share {
  busy: number
  readonly waiting: Waiter[]
}

export interface Sizes {
  /** The connections of the database. */
  readonly connections_max: number
  /** How many of them one share can use at the same time. */
  readonly share_max: number
  /** A share that goes before all others, and that can use every connection. */
  readonly first?: string
}

/**
 * Divides the connections of the database among shares: tenants, users, addresses.
 *
 * A transaction can wait for a lock for a long time. If connections went to the first operation that asks, many operations
 * of one tenant on one row would hold all of them, and every other tenant would wait behind. So one share uses at most a
 * part of the connections, the shares that wait take turns, and the queue of each share is bounded. Only a share that asks
 * for too much gets 503.
 */
export class FairShares {
  readonly #sizes: Sizes
  readonly #shares = new Map<string, Share>()
  /** The shares that wait, in the order of their turns. */
  readonly #turns: string[] = []
  #busy = 0

  constructor(sizes: Sizes) {
    this.#sizes = sizes
  }

  /** The number of operations that wait. */
  get waiting(): number {
    return this.#turns.reduce((sum, name) => sum + (this.#shares.get(name)?.waiting.length ?? 0), 0)
  }

  /** Runs an operation when its share has a connection. @throws Problem `service_unavailable` */
  async run<T>(name: string, operation: () => Promise<T>): Promise<T> {
    const share = this.#shareOf(name)
    if (!this.#hasRoom(name, share) || share.waiting.length > 0) await this.#turnOf(name, share)
    else this.#take(share)
    try {
      return await operation()
    } finally {
      share.busy -= 1
      this.#busy -= 1
      this.#forgetIdle(name, share)
      this.#beginNext()
    }
  }

  #shareOf(name: string): Share {
    const known = this.#shares.get(name)
    if (known !== undefined) return known
    const share: Share = { busy: 0, waiting: [] }
    this.#shares.set(name, share)
    return share
  }

  #hasRoom(name: string, { busy }: Share): boolean {
    const { connections_max, share_max, first } = this.#sizes
    return this.#busy < connections_max && (busy < share_max || name === first)
  }

  #take(share: Share): void {
    share.busy += 1
    this.#busy += 1
  }

  #turnOf(name: string, share: Share): Promise<void> {
    if (share.waiting.length >= WAITING_MAX)
      throw unavailable(`too many operations of ${name} wait`, RETRY_AFTER_SECONDS)
    return new Promise((begin, refuse) => {
      const timer = setTimeout(() => {
        share.waiting.splice(share.waiting.indexOf(waiter), 1)
        this.#forgetIdle(name, share)
        refuse(unavailable(`an operation of ${name} waited too long`, RETRY_AFTER_SECONDS))
      }, WAIT_MS_MAX)
      const waiter = { begin, timer }
      share.waiting.push(waiter)
      if (share.waiting.length === 1) this.#turns.push(name)
    })
  }

  /** Gives free connections to the shares that wait, one operation each turn. */
  #beginNext(): void {
    let name = this.#nextTurn()
    while (name !== undefined) {
      const share = this.#shareOf(name)
      const waiter = share.waiting.shift()
      this.#turns.splice(this.#turns.indexOf(name), 1)
      if (share.waiting.length > 0) this.#turns.push(name)
      if (waiter !== undefined) {
        clearTimeout(waiter.timer)
        this.#take(share)
        waiter.begin()
      }
      name = this.#nextTurn()
    }
  }

  #nextTurn(): string | undefined {
    if (this.#busy >= this.#sizes.connections_max) return undefined
    const { first } = this.#sizes
    if (first !== undefined && this.#turns.includes(first)) return first
    return this.#turns.find((name) => this.#hasRoom(name, this.#shareOf(name)))
  }

  #forgetIdle(name: string, share: Share): void {
    if (share.waiting.length > 0) return
    const turn = this.#turns.indexOf(name)
    if (turn >= 0) this.#turns.splice(turn, 1)
    if (share.busy === 0) this.#shares.delete(name)
  }
}
