import { DrizzleQueryError } from 'drizzle-orm'
import type { Binding, Database, Run, Work } from '../database/database.js'
import { asUnavailable } from '../database/errors.js'
import { type Queries, queriesOn } from '../database/queries.js'
import { Problem } from '../problems/problems.js'
import type { Barrier } from '../replicas/barrier.js'
import { type Clock, instantOf } from '../time/clock.js'
import type { Action } from './actions.js'
import { type Origin, type Proof, recordEvent } from './audit-record.js'
import type { Bus } from './bus.js'
import type { LiveEvent } from './events.js'
import { changesFacts, rightsChangedBy } from './rights.js'
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

/** The result of a transaction, and its number if its answer must wait for the replicas. */
interface Committed<T> {
  readonly value: T
  readonly xid: string | undefined
}

/** What a unit of work is made of. */
interface UnitParts {
  readonly database: Database
  /** The binding of an operation. On the platform it names the caller, who is not known before the first rows of the table. */
  readonly bindingNow: () => Binding
  readonly clock: Clock
  /** Receives the events of each write after its commit. */
  readonly bus: Bus
  readonly barrier: Barrier
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
   * the events of the work, and whether the rights of a caller may have changed. It resolves when no replica decides by what
   * was before it.
   */
  async write<T>(action: Action, work: (scope: WriteScope) => Promise<T>): Promise<T> {
    this.#refuseNesting()
    this.#is_writing = true
    const events: LiveEvent[] = []
    let committed: Committed<T>
    try {
      committed = await this.#transaction((run, finish) => this.#audited(action, work, run, finish, events))
    } catch (error) {
      if (changesFacts(action) && tellsOfAChange(error)) await this.#passEarlier()
      throw error
    } finally {
      this.#is_writing = false
    }
    const value = await this.#passed(committed)
    // Afterwards, because whoever hears of a change of rights must not find the rights before it in memory.
    for (const event of events) this.#parts.bus.publish(event)
    return value
  }

  /** Does the work of an audited transaction. @returns its result, and the number of the transaction if it must be waited for */
  async #audited<T>(
    action: Action,
    work: (scope: WriteScope) => Promise<T>,
    run: Run,
    finish: Run,
    events: LiveEvent[],
  ): Promise<Committed<T>> {
    const { clock, prelude } = this.#parts
    const queries = queriesOn(run)
    const outcome: (Subject | 'no change')[] = []
    const origin = this.#parts.origin()
    const now = instantOf(clock())
    await prelude({ queries, now })
    const xid = changesFacts(action) ? await numberOf(run) : undefined
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
    if (said === undefined || outcome.length > 1) throw new Error(`${action}: a write must say once what it changed`)
    if (said === 'no change') return { value, xid }
    assertNamedByRow(said)
    const rights = rightsChangedBy(action, said)
    if (rights !== undefined) events.push(rights)
    // From here to the commit, the end of the chain is locked, and every write of this tenant waits for it.
    await recordEvent(queriesOn(finish), action, said, origin, now)
    return { value, xid }
  }

  /**
   * Writes in one transaction that leaves no audit event and publishes nothing. It is for rows that no person decides
   * about: counters, single-use secrets that are redeemed, stored responses, and rows that expired.
   */
  async writeUnaudited<T>(work: (scope: ReadScope) => Promise<T>): Promise<T> {
    this.#refuseNesting()
    const { clock } = this.#parts
    const committed = await this.#transaction(async (run) => {
      const value = await work({ queries: queriesOn(run), now: instantOf(clock()) })
      return { value, xid: undefined }
    })
    return this.#passed(committed)
  }

  /** Runs a transaction. @returns the number of the transaction, if it changed a fact or the work names one */
  async #transaction<T>(work: Work<Committed<T>>): Promise<Committed<T>> {
    const { database, bindingNow } = this.#parts
    let changed_in: string | undefined
    const onFactsChanged = (xid: string) => {
      changed_in = xid
    }
    const { value, xid } = await answering(() => database.transaction(bindingNow(), work, onFactsChanged))
    return { value, xid: changed_in ?? xid }
  }

  /** Waits for the changes that were committed before. A refusal can tell of one whose own answer still waits. */
  async #passEarlier(): Promise<void> {
    const { database, bindingNow, barrier } = this.#parts
    await barrier.pass(await answering(() => database.transaction(bindingNow(), (run) => numberOf(run))))
  }

  /** Nobody may tell a caller of a change before it holds at every replica. */
  async #passed<T>({ value, xid }: Committed<T>): Promise<T> {
    if (xid !== undefined) await this.#parts.barrier.pass(xid)
    return value
  }

  /** The embedded engine has one connection. Asking for another one inside a transaction would wait for ever. */
  #refuseNesting(): void {
    if (this.#is_writing)
      throw new Error('a store was used inside of its own transaction; use the one that was handed in')
  }
}

/** The statuses of a refusal by which a caller learns that somebody else has made a change: it is gone, or in the way. */
const TELLING: ReadonlySet<number> = new Set([404, 409, 412])

function tellsOfAChange(error: unknown): boolean {
  return error instanceof Problem && TELLING.has(error.status)
}

/**
 * Gives a transaction a number, also one that changes no fact. Another replica may have made the same change a moment ago, and
 * may still wait for its barrier. This transaction comes after that one, so what waits for this one has waited for both.
 */
async function numberOf(run: Run): Promise<string> {
  const text = `select pg_current_xact_id()::text as xid, pg_notify('gatehouse_fact_changes', '')`
  const [row] = (await run({ text, values: [], row_mode: 'object' })) as [{ xid: string }]
  return row.xid
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
