import { LinkedList } from '../linked-list.js'
import { driverError } from './errors.js'

/** A question that has no answer for this long makes the server suspect. */
const SUSPECT_MS = 1_000
/** A suspect server that does not answer a read within this time is silent. */
const PROBE_MS = 600
/** A timer that is later than this was held up with everything else on this machine, so it proves nothing about the server. */
const LATE_MS_MAX = 200
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
  return driverError(error)?.code === SILENT ? SUSPECT_MS + PROBE_MS : 0
}

export interface PulseParts {
  /** Reads something that takes the server no time. */
  readonly probe: () => Promise<unknown>
  /** Called when the server has become silent: its connections may be dead. */
  readonly onSilence: () => void
}

/**
 * Whether the server answers. A server that ends refuses connections, and each operation fails at once. A silent one leaves
 * every operation waiting until its own time limit, which is much longer than anybody should wait for a refusal.
 *
 * The listening connection asks several times a second, so its question is the first to stay without an answer. It writes, so
 * it can also wait for a disk. Therefore a read on another connection decides. If that has no answer either, all operations
 * that wait are rejected, and new ones too. An operation that succeeds ends that, and so does an answer.
 */
export class Pulse {
  readonly #parts: PulseParts
  readonly #waiting = new LinkedList<(error: Error) => void>()
  #is_silent = false
  #tried_at_ms = 0

  constructor(parts: PulseParts) {
    this.#parts = parts
  }

  /** Watches a question: one of the listening connection, or one that is tried while the server is silent. */
  watch<T>(answer: Promise<T>): Promise<T> {
    const question = { is_settled: false, timer: undefined as NodeJS.Timeout | undefined }
    const suspect = () => {
      question.timer = setTimeout(() => {
        void this.#isSilent().then((is_silent) => {
          if (question.is_settled) return
          if (is_silent) this.#onSilence()
          else suspect()
        })
      }, SUSPECT_MS).unref()
    }
    suspect()
    return answer
      .then((value) => {
        this.#is_silent = false
        return value
      })
      .finally(() => {
        question.is_settled = true
        clearTimeout(question.timer)
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
      const link = this.#waiting.add(reject)
      operation().then(
        (value) => {
          this.#waiting.remove(link)
          resolve(value)
        },
        (error: unknown) => {
          this.#waiting.remove(link)
          reject(error)
        },
      )
    })
  }

  /** Whether a read has no answer in time. An error is an answer. */
  async #isSilent(): Promise<boolean> {
    const began_ms = performance.now()
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<boolean>((resolve) => {
      // A busy process may have the answer and not have read it. It reads before the immediate.
      const end = () => setImmediate(() => resolve(performance.now() - began_ms < PROBE_MS + LATE_MS_MAX))
      timer = setTimeout(end, PROBE_MS).unref()
    })
    const answered = this.#parts.probe().then(
      () => false,
      () => false,
    )
    return Promise.race([silence, answered]).finally(() => clearTimeout(timer))
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
    for (let reject = this.#waiting.shift(); reject !== undefined; reject = this.#waiting.shift()) {
      reject(new SilentServerError())
    }
    this.#parts.onSilence()
  }
}
