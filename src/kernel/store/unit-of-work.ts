import { DrizzleQueryError } from 'drizzle-orm'
import type { Binding, Database } from '../database/database.js'
import { asUnavailable } from '../database/errors.js'
import { type Queries, queriesOn } from '../database/queries.js'
import { type Clock, instantOf } from '../time/clock.js'
import type { Action } from './actions.js'
import { type Origin, type Proof, recordEvent } from './audit-record.js'
import type { Bus } from './bus.js'
import type { LiveEvent } from './events.js'
import { rightsChangedBy } from './rights.js'
import { assertNamedByRow, type Subject } from './subject.js'

/** The scope of a reader: the bound query builder and the time of the request. */
export interface ReadScope {
  readonly queries: Queries
  readonly now: string
}

/** The scope of a writer. The writer must call `recordChange` or `recordNoChange`, exactly once. */
export interface WriteScope extends ReadScope {
  readonly actor: Origin['actor']
  /** What the actor proved itself with. A writer checks it again where it may have ended since the request began. */
  readonly proof: Proof
  /** Records what was changed, as the audit event of this transaction. */
  recordChange(subject: Subject): void
  /** Records that the change was already made, so that there is nothing to audit. */
  recordNoChange(): void
  /** Publishes an event after the commit. If the commit fails, the event is dropped. */
  publish(event: LiveEvent): void
}

/** The first statement of every audited transaction of a request: it claims the Idempotency-Key, if there is one. */
export type Prelude = (scope: ReadScope) => Promise<void>

const NO_PROOF: Proof = { session_id: null, key_digest: null }

/** What a unit of work is made of. */
interface UnitParts {
  readonly database: Database
  /** The binding of an operation. On the platform it names the caller, who is not known before the first rows of the table. */
  readonly bindingNow: () => Binding
  readonly clock: Clock
  /** Receives the events of each write after its commit. */
  readonly bus: Bus
  readonly origin: () => Origin
  readonly prelude: Prelude
}

/** The bound database of one request, for reads and for audited transactions. */
export class UnitOfWork {
  readonly #parts: UnitParts
  #is_writing = false

  constructor(parts: UnitParts) {
    this.#parts = parts
  }

  /** Reads. Each statement is a transaction of its own and is bound in the same round trip. */
  read<T>(work: (scope: ReadScope) => Promise<T>): Promise<T> {
    this.#refuseNesting()
    const { database, bindingNow, clock } = this.#parts
    const binding = bindingNow()
    const queries = queriesOn((statement) => database.readOne(binding, statement))
    return answering(() => work({ queries, now: instantOf(clock()) }))
  }

  /**
   * Writes in one transaction with its audit event, so that both are committed or neither. After the commit, it publishes
   * the events of the work, and whether the rights of a caller may have changed.
   */
  async write<T>(action: Action, work: (scope: WriteScope) => Promise<T>): Promise<T> {
    this.#refuseNesting()
    const { database, bindingNow, clock, bus, prelude } = this.#parts
    this.#is_writing = true
    const events: LiveEvent[] = []
    try {
      const result = await answering(() =>
        database.transaction(bindingNow(), async (run, finish) => {
          const queries = queriesOn(run)
          const outcome: (Subject | 'no change')[] = []
          const origin = this.#parts.origin()
          const now = instantOf(clock())
          await prelude({ queries, now })
          const value = await work({
            queries,
            now,
            actor: origin.actor,
            proof: origin.proof ?? NO_PROOF,
            recordChange: (subject) => outcome.push(subject),
            recordNoChange: () => outcome.push('no change'),
            publish: (event) => events.push(event),
          })
          const [said] = outcome
          if (said === undefined || outcome.length > 1)
            throw new Error(`${action}: a write must say once what it changed`)
          if (said === 'no change') return value
          assertNamedByRow(said)
          const rights = rightsChangedBy(action, said)
          if (rights !== undefined) events.push(rights)
          // From here to the commit, the end of the chain is locked, and every write of this tenant waits for it.
          await recordEvent(queriesOn(finish), action, said, origin, now)
          return value
        }),
      )
      for (const event of events) bus.publish(event)
      return result
    } finally {
      this.#is_writing = false
    }
  }

  /**
   * Writes in one transaction that leaves no audit event and publishes nothing. It is for rows that no person decides
   * about: counters, single-use secrets that are redeemed, stored responses, and rows that expired.
   */
  writeUnaudited<T>(work: (scope: ReadScope) => Promise<T>): Promise<T> {
    this.#refuseNesting()
    const { database, bindingNow, clock } = this.#parts
    return answering(() =>
      database.transaction(bindingNow(), (run) => work({ queries: queriesOn(run), now: instantOf(clock()) })),
    )
  }

  /** The embedded engine has one connection. Asking for another one inside a transaction would wait for ever. */
  #refuseNesting(): void {
    if (this.#is_writing)
      throw new Error('a store was used inside of its own transaction; use the one that was handed in')
  }
}

/** Converts transient failures of the driver to 503, so that a failure of the database never decides a request. */
async function answering<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asUnavailable(error) ?? unwrapped(error)
  }
}

/** Unwraps the error of the driver. The error of the query builder quotes every value, so it must not leave this file. */
function unwrapped(error: unknown): unknown {
  return error instanceof DrizzleQueryError ? (error.cause ?? new Error('a statement failed')) : error
}
