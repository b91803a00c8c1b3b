import type { Barrier } from './barrier.js'
import type { FactChange } from './fact-change.js'

/** Receives changes before any writer of them gets its answer. `unknown`: any fact may have changed. */
export type ChangeListener = (changes: readonly FactChange[] | 'unknown') => void

/** The longest text that a replica sends to the others. A notification of PostgreSQL holds a few more. */
export const ANNOUNCEMENT_CHARACTERS_MAX = 1_000

/** The state of a replica, for readiness and metrics. */
export interface ReplicaState {
  /** Whether the memory of facts may be used. */
  readonly has_lease: boolean
  /** The number of replicas that share the database, with this one, as far as this one knows. */
  readonly replicas: number
}

/** This process as one of the replicas that share a database. */
export interface Replica extends Barrier {
  /**
   * Whether the memory of facts may be used at this moment: every change that was answered anywhere has been passed to the
   * listeners.
   */
  hasLease(): boolean
  /** Adds a listener. @returns a function that removes it */
  onChanges(listener: ChangeListener): () => void
  /** Passes on every change that was committed before the call. */
  catchUp(): Promise<void>
  /**
   * Sends a text to the other replicas, without waiting. It can be lost, so it must only save time.
   *
   * @param text at most ANNOUNCEMENT_CHARACTERS_MAX characters; a longer one is not sent
   */
  announce(text: string): void
  /** Adds a listener for the texts of other replicas. @returns a function that removes it */
  onAnnounced(listener: (text: string) => void): () => void
  state(): ReplicaState
  close(): Promise<void>
}

/** The listeners of a replica. */
export class ChangeListeners {
  readonly #listeners = new Set<ChangeListener>()

  add(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  tell(changes: readonly FactChange[] | 'unknown'): void {
    for (const listener of this.#listeners) listener(changes)
  }
}
