import type { Announcements } from './announcements.js'
import type { Barrier } from './barrier.js'
import type { FactChange } from './fact-change.js'

/** Receives changes before any writer of them gets its answer. `unknown`: any fact may have changed. */
export type ChangeListener = (changes: readonly FactChange[] | 'unknown') => void

/** This process as one of the replicas that share a database. */
export interface Replica extends Barrier, Announcements {
  /**
   * Whether the memory of facts may be used at this moment: every change that was answered anywhere has been passed to the
   * listeners.
   */
  hasLease(): boolean
  /** Adds a listener. @returns a function that removes it */
  onChanges(listener: ChangeListener): () => void
  /** Passes on every change that was committed before the call. */
  catchUp(): Promise<void>
  /** The number of replicas that share the database, with this one, as far as this one knows. */
  count(): number
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
