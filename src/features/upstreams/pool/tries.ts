import type { Backend } from './backend.js'

/** How a try failed, as far as it decides whether another one can follow. */
export interface FailedTry {
  /** Whether the try had a connection, so that the backend may have received the request or a part of it. */
  readonly was_connected: boolean
  /** Whether the backend can receive the request twice without harm. */
  readonly is_repeatable: boolean
}

export interface TryLimits {
  /** The number of backends of the upstream. */
  readonly backends: number
  /** Tries after the first one, if a connection breaks or no other backend is left. */
  readonly retries: number
  /** No try follows after this time. */
  readonly timeout_ms: number
}

/**
 * The tries of one request or one handshake: which backend is next, and whether there is a next one. It is the only way to
 * a backend, so a request cannot stay with its first backend by mistake.
 */
export class Tries {
  private readonly tried: Backend[] = []
  private readonly started_ms = performance.now()

  /** @param choose returns a backend that can take a request; one that was tried only if there is no other */
  constructor(
    private readonly limits: TryLimits,
    private readonly choose: (tried: readonly Backend[]) => Backend | undefined,
  ) {}

  /** The number of tries. */
  get count(): number {
    return this.tried.length
  }

  /** The backend of the next try; undefined if no backend can take a request. */
  next(): Backend | undefined {
    const backend = this.choose(this.tried)
    if (backend !== undefined) this.tried.push(backend)
    return backend
  }

  /**
   * Whether another try can follow a failed one. A backend that could not be connected to received nothing, so every
   * request can go to the other backends. After a broken connection, only a repeatable request is sent again.
   */
  canFollow({ was_connected, is_repeatable }: FailedTry): boolean {
    if (performance.now() - this.started_ms >= this.limits.timeout_ms) return false
    if (!was_connected && this.count < this.limits.backends) return true
    return this.count <= this.limits.retries && (is_repeatable || !was_connected)
  }
}
