import { DrizzleQueryError } from 'drizzle-orm'
import type { Binding, Database } from '../database/database.js'
import { asUnavailable } from '../database/errors.js'
import { type Queries, queriesOn } from '../database/queries.js'
import { type Clock, instantOf } from '../time/clock.js'
import type { Action } from './actions.js'
import { type Origin, recordEvent } from './audit-record.js'
import type { Bus } from './bus.js'
import type { LiveEvent } from './events.js'
import { rightsChangedBy } from './rights.js'
import type { Subject } from './subject.js'

/** What a reader works with: the query builder, bound, and the time of the request. */
export interface ReadScope {
  readonly queries: Queries
  readonly now: string
}

/** What a writer works with. It must call one of `recordChange` and `recordNoChange`, once. */
export interface WriteScope extends ReadScope {
  readonly actor: Origin['actor']
  /** Records what was changed, as the audit event of this transaction. */
  recordChange(subject: Subject): void
  /** Records that the change was already made, so that there is nothing to audit. */
  recordNoChange(): void
  /** Tells others, after the commit, and never when it fails. */
  publish(event: LiveEvent): void
}

/** What every audited transaction of a request begins with: the claim of its Idempotency-Key, when it has one. */
export type Prelude = (scope: ReadScope) => Promise<void>

/** What a unit of work is made of. */
interface UnitParts {
  readonly database: Database
  readonly binding: Binding
  readonly clock: Clock
  /** Receives the events of each write after its commit. */
  readonly bus: Bus
  readonly origin: () => Origin
  readonly prelude: Prelude
}

/** The bound database of one request: reads that travel as one batch each, and audited transactions. */
export class UnitOfWork {
  readonly #parts: UnitParts
  #is_writing = false

  constructor(parts: UnitParts) {
    this.#parts = parts
  }

  /** Each statement is a transaction of its own, bound in the same round trip. */
  read<T>(work: (scope: ReadScope) => Promise<T>): Promise<T> {
    this.#refuseNesting()
    const { database, binding, clock } = this.#parts
    const queries = queriesOn((statement) => database.readOne(binding, statement))
    return answering(() => work({ queries, now: instantOf(clock()) }))
  }

  /**
   * One transaction with its audit event: both are there afterwards, or neither. What others are told follows the
   * commit, and with it whether somebody's rights may have changed.
   */
  async write<T>(action: Action, work: (scope: WriteScope) => Promise<T>): Promise<T> {
    this.#refuseNesting()
    const { database, binding, clock, bus, prelude } = this.#parts
    this.#is_writing = true
    const events: LiveEvent[] = []
    try {
      const result = await answering(() =>
        database.transaction(binding, async (run, finish) => {
          const queries = queriesOn(run)
          const outcome: (Subject | 'no change')[] = []
          const origin = this.#parts.origin()
          const now = instantOf(clock())
          await prelude({ queries, now })
          const value = await work({
            queries,
            now,
            actor: origin.actor,
            recordChange: (subject) => outcome.push(subject),
            recordNoChange: () => outcome.push('no change'),
            publish: (event) => events.push(event),
          })
          const [said] = outcome
          if (said === undefined || outcome.length > 1)
            throw new Error(`${action}: a write must say once what it changed`)
          if (said === 'no change') return value
          const rights = rightsChangedBy(action, said)
          if (rights !== undefined) events.push(rights)
          // The end of the chain is held from here to the commit, and every write of this tenant waits for it.
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
    const { database, binding, clock } = this.#parts
    return answering(() =>
      database.transaction(binding, (run) => work({ queries: queriesOn(run), now: instantOf(clock()) })),
    )
  }

  /** The embedded engine has one connection: asking it for another inside of a transaction would wait for ever. */
  #refuseNesting(): void {
    if (this.#is_writing)
      throw new Error('a store was used inside of its own transaction; use the one that was handed in')
  }
}

/** Turns the driver's passing failures into 503; a failure of the database never decides anything. */
async function answering<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asUnavailable(error) ?? unwrapped(error)
  }
}

/** The query builder wraps the driver's error in one that quotes every value, digests and hashes too: it stays here. */
function unwrapped(error: unknown): unknown {
  return error instanceof DrizzleQueryError ? (error.cause ?? new Error('a statement failed')) : error
}
