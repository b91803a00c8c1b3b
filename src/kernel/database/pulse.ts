import { driverError } from './errors.js'

/** A server that has not answered a question of the listening connection for this long is silent. */
const SILENT_MS = 1_500
/**
 * While the server is silent, one operation is tried in this time. Otherwise the listening connection finds out, which
 * connects again and again.
 */
const TRY_EVERY_MS = 5_000

const SILENT = 'ESILENT'

/** The server does not answer, and its connections have not ended: it has stopped, or the network drops its packets. */
class SilentServerError extends Error {
  readonly code = SILENT

  constructor() {
    super('the server has stopped to answer')
  }
}

/** For how long at least the server had not answered when an operation failed; 0 if it failed for another reason. */
export function silentMs(error: unknown): number {
  return driverError(error)?.code === SILENT ? SILENT_MS : 0
}

/**
 * Whether the server answers. A server that ends refuses connections, and each operation fails at once. A silent one leaves
 * every operation waiting until its own time limit, which is much longer than anybody should wait for a refusal.
 *
 * The listening connection asks several times a second, so its question is the first to stay without an answer. Then all
 * operations that wait are rejected, and new ones too. An operation that succeeds ends that, and so does an answer.
 */
export class Pulse {
  readonly #waiting = new Set<(error: Error) => void>()
  #is_silent = false
  #tried_at_ms = 0

  /** @param onSilence is called when the server has become silent: its connections may be dead */
  constructor(private readonly onSilence: () => void = () => undefined) {}

  /** Watches a question: one of the listening connection, or one that is tried while the server is silent. */
  watch<T>(answer: Promise<T>): Promise<T> {
    let is_settled = false
    const silent = () => {
      if (!is_settled) this.#onSilence()
    }
    // A busy process may have the answer and not have read it. It reads before the immediate.
    const timer = setTimeout(() => setImmediate(silent), SILENT_MS).unref()
    return answer
      .then((value) => {
        this.#is_silent = false
        return value
      })
      .finally(() => {
        is_settled = true
        clearTimeout(timer)
      })
  }

  /** Runs an operation. @throws SilentServerError as soon as the server is silent, whatever becomes of the operation */
  async guard<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#is_silent) {
      if (!this.#mayTry()) throw new SilentServerError()
      // Nobody asks the server while the listening connection is not there.
      return this.watch(this.#rejectable(operation))
    }
    return this.#rejectable(operation)
  }

  /** Runs an operation until it ends, or until the server is silent. */
  #rejectable<T>(operation: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject)
      operation().then(
        (value) => {
          this.#waiting.delete(reject)
          resolve(value)
        },
        (error: unknown) => {
          this.#waiting.delete(reject)
          reject(error)
        },
      )
    })
  }

  #mayTry(): boolean {
    const now_ms = performance.now()
    if (now_ms - this.#tried_at_ms < TRY_EVERY_MS) return false
    this.#tried_at_ms = now_ms
    return true
  }

  #onSilence(): void {
    this.#is_silent = true
    this.#tried_at_ms = performance.now()
    for (const reject of this.#waiting) reject(new SilentServerError())
    this.#waiting.clear()
    this.onSilence()
  }
}
