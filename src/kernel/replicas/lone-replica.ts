import type { Database } from '../database/database.js'
import { nextRun } from '../jobs/next-run.js'
import { type ChangeListener, ChangeListeners, type Replica } from './replica.js'
import { changesSince, deleteChangesBefore } from './statements.js'

/** Changes are deleted after this many questions. */
const SWEEP_AFTER_ASKS = 100

/**
 * The replica of an embedded database. No other process can change a fact, so its memory is complete whenever the changes of
 * the writers of this process have been passed on. The barrier is this one question.
 */
export class LoneReplica implements Replica {
  readonly #listeners = new ChangeListeners()
  readonly #database: Database
  #fence: string | undefined
  readonly catchUp = nextRun(() => this.#ask())
  #asks = 0
  #is_closed = false
  #swept_to: string | undefined

  private constructor(database: Database) {
    this.#database = database
  }

  static async open(database: Database): Promise<LoneReplica> {
    const replica = new LoneReplica(database)
    await replica.catchUp()
    return replica
  }

  hasLease(): boolean {
    return this.#fence !== undefined
  }

  onChanges(listener: ChangeListener): () => void {
    return this.#listeners.add(listener)
  }

  /** All replicas of the database are in this process. */
  async pass(): Promise<void> {
    await Promise.all([...this.#database.fact_watchers].map((catchUp) => catchUp()))
  }

  /** There is no other replica. */
  announce(): void {}

  onAnnounced(): () => void {
    return () => undefined
  }

  onGap(): () => void {
    return () => undefined
  }

  count(): number {
    return 1
  }

  async close(): Promise<void> {
    this.#is_closed = true
    this.#fence = undefined
    this.#listeners.tell('unknown')
    // The question that is running has its answer before the database closes.
    await this.catchUp()
  }

  async #ask(): Promise<void> {
    if (this.#is_closed) return
    try {
      const { snapshot, changes } = await changesSince(this.#database, this.#fence)
      if (this.#is_closed) return
      if (this.#fence === undefined) this.#listeners.tell('unknown')
      else if (changes.length > 0) this.#listeners.tell(changes)
      this.#fence = snapshot
    } catch {
      // The next request reads its facts from the database, and says whether it answers.
      this.#fence = undefined
      this.#listeners.tell('unknown')
      return
    }
    this.#asks += 1
    if (this.#asks % SWEEP_AFTER_ASKS === 0) await this.#sweep()
  }

  /** Deletes changes that were passed on a hundred questions ago. Gateways on the same database ask at the same times. */
  async #sweep(): Promise<void> {
    const old = this.#swept_to
    this.#swept_to = this.#fence
    if (old !== undefined) await deleteChangesBefore(this.#database, old).catch(() => undefined)
  }
}
