import pLimit, { type LimitFunction } from 'p-limit'
import { silentMs } from '../database/pulse.js'
import { type JobLog, type ScheduledJob, schedule } from '../jobs/schedule.js'
import { Problem, unavailable } from '../problems/problems.js'
import type { FactChange } from '../replicas/fact-change.js'
import { LEASE_MS } from '../replicas/fact-feed.js'
import type { Bus } from '../store/bus.js'
import type { RightsEvent } from '../store/events.js'
import type { Clock } from '../time/clock.js'
import { withJitter } from '../time/jitter.js'
import type { AccessRules, Standing } from './access-rules.js'
import type { ClientLocation, Credential } from './caller.js'
import { concerns } from './fact-memory.js'
import type { Facts } from './facts.js'
import type { FactsReader } from './facts-reader.js'

const JOB = 'recheck access'
/** Finds changes that no event announced: those of another replica, and those whose event was lost. */
const RECHECK_EVERY_MS = 15_000
/** Connections whose check failed, or whose standing ends by the clock, wait no longer than this for their round. */
const ROUND_EVERY_MS = 250
/** Second checks of one tenant at the same time. They read rows of the tenant, and wait when the tenant is busy. */
const TARGETS_OF_TENANT_MAX = 4
/** Callers that are checked at the same time. One statement reads the facts of as many. The next follows when a check ends. */
const CALLERS_IN_FLIGHT_MAX = 64
/** A connection closes when the database has not answered for this long, as requests are refused then: authorisation fails closed. */
const UNANSWERED_MS_MAX = LEASE_MS
/** The clients whose connections close at the same moment return within this time, spread at random. */
const RETURN_SECONDS_MAX = 5

/** An open connection. Its caller must keep the access that the handshake required. */
export interface AuthorisedConnection {
  readonly credential: Credential
  readonly location: ClientLocation
  /** The scopes that the connection requires now. */
  readonly scopes: readonly string[]
  /** The conversation that it follows, if it follows one. Events about another conversation do not concern it. */
  readonly conversation_id: string | undefined
  /** The access of the caller at the last check; undefined before the first check. The rechecker writes it. */
  standing: Standing | undefined
  /** Closes the connection. `problem` is the one that a request with the same credential would get now. */
  end(ending: { readonly problem: Problem }): void
}

export interface RecheckerParts<C extends AuthorisedConnection> {
  readonly facts: FactsReader
  readonly rules: AccessRules
  readonly bus: Bus
  readonly clock: Clock
  readonly log: JobLog
  /** A second check of what connections of one caller follow, for those that passed the first one. */
  readonly checkTargets?: (connections: readonly C[]) => Promise<void>
}

interface Watched<C> {
  readonly connection: C
  /** Connections with the same caller share one read of the facts. */
  readonly caller: string
  checked_at_ms: number
  unanswered_since_ms: number | undefined
}

/**
 * Closes open connections whose caller loses access. It checks a connection after each event that can concern it, and
 * every 15 s without an event. It closes a connection without a check when the standing of its caller expires.
 *
 * Checks are collected and run in rounds. However many events arrive, a round reads the facts of each caller once. If
 * the database does not answer, the next round checks the connection again, for at most one lease.
 */
export class AccessRechecker<C extends AuthorisedConnection> {
  readonly #watched = new Map<C, Watched<C>>()
  readonly #due = new Set<Watched<C>>()
  readonly #rounds: ScheduledJob
  readonly #unsubscribe: readonly (() => void)[]
  #is_checking = false
  /** The second checks of each tenant that are waiting or under way. */
  readonly #targets = new Map<string, LimitFunction>()
  /** A change was told that has had no round yet. */
  #has_news = false

  constructor(private readonly parts: RecheckerParts<C>) {
    this.#rounds = schedule({ name: JOB, every_ms: ROUND_EVERY_MS, run: () => this.#tick() }, parts.log)
    this.#unsubscribe = [
      parts.facts.onChanges((changes) => this.#onChanges(changes)),
      parts.bus.subscribe((event) => {
        if (event.kind === 'rights_changed') this.#onRightsChanged(event)
      }),
    ]
  }

  /** Watches a connection. The next round checks it, because rights may have changed since its handshake was checked. */
  add(connection: C): void {
    const checked_at_ms = withJitter(this.parts.clock(), RECHECK_EVERY_MS)
    const watched = { connection, caller: callerOf(connection), checked_at_ms, unanswered_since_ms: undefined }
    this.#watched.set(connection, watched)
    this.#due.add(watched)
    this.#checkSoon()
  }

  /** Stops watching a connection. */
  remove(connection: C): void {
    const watched = this.#watched.get(connection)
    if (watched === undefined) return
    this.#watched.delete(connection)
    this.#due.delete(watched)
  }

  /** Checks a connection in the next round. */
  recheck(connection: C): void {
    const watched = this.#watched.get(connection)
    if (watched !== undefined) this.#due.add(watched)
  }

  /** Stops all checks. It closes no connection. */
  close(): void {
    void this.#rounds.stop()
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
  }

  /** A change of facts, of any replica. */
  #onChanges(changes: readonly FactChange[] | 'unknown'): void {
    for (const watched of this.#watched.values()) {
      const { credential } = watched.connection
      if (changes === 'unknown' || changes.some((change) => concerns(change, credential))) this.#due.add(watched)
    }
    this.#checkSoon()
  }

  #onRightsChanged({ tenant_id, user_id, conversation_id }: RightsEvent): void {
    for (const watched of this.#watched.values()) {
      const { credential, conversation_id: followed } = watched.connection
      const is_concerned =
        (tenant_id === null || tenant_id === credential.tenant_id) &&
        (user_id === null || user_id === credential.user_id) &&
        (conversation_id === null || conversation_id === followed)
      if (is_concerned) this.#due.add(watched)
    }
    this.#checkSoon()
  }

  /** Begins a round after all changes that are told in this turn of the event loop, or after the round that is running. */
  #checkSoon(): void {
    if (this.#has_news || this.#due.size === 0) return
    this.#has_news = true
    if (!this.#is_checking) setImmediate(() => this.#begin())
  }

  #tick(): void {
    const now_ms = this.parts.clock()
    for (const watched of this.#watched.values()) {
      const ends = watched.connection.standing?.ends
      if (ends !== undefined && ends.at_ms <= now_ms) this.#end(watched, new Problem(ends.code))
      else if (now_ms - watched.checked_at_ms >= RECHECK_EVERY_MS) this.#due.add(watched)
    }
    this.#begin()
  }

  #begin(): void {
    if (this.#is_checking) return
    this.#has_news = false
    if (this.#due.size === 0) return
    this.#is_checking = true
    this.#round()
      .catch((error: unknown) => this.#logFailure(error))
      .finally(() => {
        this.#is_checking = false
        if (this.#has_news) this.#begin()
      })
  }

  async #round(): Promise<void> {
    const callers = new Map<string, Watched<C>[]>()
    for (const watched of this.#due) {
      const known = callers.get(watched.caller)
      if (known === undefined) callers.set(watched.caller, [watched])
      else known.push(watched)
    }
    // Cleared before the checks: an event that arrives during a check needs another one.
    this.#due.clear()
    const limit = pLimit(CALLERS_IN_FLIGHT_MAX)
    await Promise.all([...callers.values()].map((watched) => limit(() => this.#checkCaller(watched))))
  }

  /** Checks the connections of one caller. */
  async #checkCaller(watched: readonly Watched<C>[]): Promise<void> {
    const [{ connection }] = watched as readonly [Watched<C>]
    const started_at_ms = this.parts.clock()
    for (const each of watched) each.checked_at_ms = started_at_ms
    try {
      const facts = await this.parts.facts.read(connection.credential)
      const allowed = watched.filter((each) => this.#isAllowed(each, facts))
      // Not awaited: a tenant whose rows are slow must not hold up the checks of the others.
      if (allowed.length > 0) void this.#checkTargets(allowed, started_at_ms)
    } catch (error) {
      this.#onFailure(watched, started_at_ms, error)
    }
  }

  /** Does the second check of what the connections of one caller follow. Never rejects. */
  async #checkTargets(allowed: readonly Watched<C>[], started_at_ms: number): Promise<void> {
    const [{ connection }] = allowed as readonly [Watched<C>]
    const { tenant_id } = connection.credential
    const limit = this.#targets.get(tenant_id) ?? pLimit(TARGETS_OF_TENANT_MAX)
    this.#targets.set(tenant_id, limit)
    try {
      await limit(async () => {
        const open = allowed.filter((each) => this.#watched.has(each.connection))
        if (open.length > 0) await this.parts.checkTargets?.(open.map((each) => each.connection))
      })
      for (const each of allowed) each.unanswered_since_ms = undefined
    } catch (error) {
      this.#onFailure(allowed, started_at_ms, error)
    }
    if (limit.activeCount === 0 && limit.pendingCount === 0) this.#targets.delete(tenant_id)
  }

  #onFailure(watched: readonly Watched<C>[], started_at_ms: number, error: unknown): void {
    this.#logFailure(error)
    for (const each of watched) this.#onNoAnswer(each, started_at_ms, error)
  }

  /** Whether the facts still allow a connection. Closes it if they do not. */
  #isAllowed(watched: Watched<C>, facts: Facts): boolean {
    const { connection } = watched
    const { credential, location, scopes } = connection
    try {
      connection.standing = this.parts.rules.standingOf(facts, credential, location, scopes, this.parts.clock())
      return true
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      this.#end(watched, error)
      return false
    }
  }

  /** Checks a connection again in the next round, or closes it after a lease without an answer. */
  #onNoAnswer(watched: Watched<C>, started_at_ms: number, cause: unknown): void {
    if (!this.#watched.has(watched.connection)) return
    watched.unanswered_since_ms ??= started_at_ms - silentMs(cause)
    if (started_at_ms - watched.unanswered_since_ms < UNANSWERED_MS_MAX) this.#due.add(watched)
    else {
      const seconds = 1 + Math.floor(Math.random() * RETURN_SECONDS_MAX)
      this.#end(watched, unavailable('the access of open connections could not be checked', seconds, cause))
    }
  }

  #logFailure(error: unknown): void {
    this.parts.log.warn({ job: JOB, err: error }, 'access of open connections not checked')
  }

  #end({ connection }: Watched<C>, problem: Problem): void {
    this.remove(connection)
    connection.end({ problem })
  }
}

/** What the facts of a connection depend on, as one text. */
function callerOf({ credential, location }: AuthorisedConnection): string {
  const { tenant_id, key_id, key_digest, session_id, token_expires_at_ms } = credential
  const digest = Buffer.from(key_digest).toString('hex')
  return JSON.stringify([tenant_id, key_id, digest, session_id, token_expires_at_ms, location.address, location.origin])
}
