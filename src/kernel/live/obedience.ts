import pLimit from 'p-limit'
import type { FactsReader } from '../authz/facts-reader.js'
import { standingOf } from '../authz/standing.js'
import type { Scope } from '../permissions/scopes.js'
import { Problem, unavailable } from '../problems/problems.js'
import type { RightsEvent } from '../store/events.js'
import type { Clock } from '../time/clock.js'
import type { Connection } from './connection.js'
import type { ConversationLog } from './conversation-log.js'
import { RECHECK_EVERY_MS, RECHECKS_IN_FLIGHT_MAX, UNANSWERED_MS_MAX } from './limits.js'

/** What every way to listen demands; the access line of each route that opens a connection says the same. */
export const LISTENING_SCOPES: readonly [Scope] = ['conversations:view']

export interface ObedienceParts {
  readonly facts: FactsReader
  readonly log: ConversationLog
  readonly clock: Clock
  readonly log_error: (error: unknown) => void
  /** A conversation was read, and is so far. */
  readonly onSeen: (tenant_id: string, conversation_id: string, last_seq: number) => void
}

/**
 * Ends the connections of those who may not listen any more.
 *
 * Who is to be asked about is collected, and asked about once: however many changes come in a burst, a connection costs
 * one question for each round. Connections of one caller share it. While nobody answers it is asked again, for a time.
 */
export class Obedience {
  readonly #to_ask = new Set<Connection>()
  #is_asking = false

  constructor(private readonly parts: ObedienceParts) {}

  /** Asks about a connection in the next round. */
  ask(connection: Connection): void {
    if (connection.is_open) this.#to_ask.add(connection)
  }

  forget(connection: Connection): void {
    this.#to_ask.delete(connection)
  }

  /** Rights changed: asks about those of these connections that it may concern. */
  hear({ tenant_id, user_id, conversation_id }: RightsEvent, open: Iterable<Connection>): void {
    for (const connection of open) {
      const is_elsewhere =
        (tenant_id !== null && connection.tenant_id !== tenant_id) ||
        (user_id !== null && connection.user_id !== user_id) ||
        (conversation_id !== null && connection.conversation_id !== conversation_id)
      if (!is_elsewhere) this.ask(connection)
    }
  }

  /** The net under the bus: whoever was not asked about for long. */
  tick(connection: Connection, now_ms: number): void {
    if (now_ms - connection.asked_at_ms >= RECHECK_EVERY_MS) this.ask(connection)
  }

  /** One round, unless the last one is still under way. */
  round(): void {
    if (this.#is_asking || this.#to_ask.size === 0) return
    this.#is_asking = true
    this.#askAll()
      .catch(this.parts.log_error)
      .finally(() => {
        this.#is_asking = false
      })
  }

  async #askAll(): Promise<void> {
    const callers = new Map<string, Connection[]>()
    for (const connection of this.#to_ask) {
      const known = callers.get(connection.facts_name)
      if (known === undefined) callers.set(connection.facts_name, [connection])
      else known.push(connection)
    }
    // Taken out before the questions: a change that comes while they are under way asks again.
    this.#to_ask.clear()
    const inTurn = pLimit(RECHECKS_IN_FLIGHT_MAX)
    await Promise.all([...callers.values()].map((connections) => inTurn(() => this.#askAbout(connections))))
  }

  /** Connections of one caller. */
  async #askAbout(connections: readonly Connection[]): Promise<void> {
    const { facts, log, clock, onSeen } = this.parts
    const [{ credential, place, tenant_id }] = connections as readonly [Connection]
    const asked_at_ms = clock()
    for (const connection of connections) connection.asked_at_ms = asked_at_ms
    try {
      const standing = standingOf(await facts.read(credential), credential, place, LISTENING_SCOPES, clock())
      const ids = [...new Set(connections.map((connection) => connection.conversation_id))]
      const seen = await log.seen(tenant_id, standing.principal, ids)
      for (const connection of connections) {
        const last_seq = seen.get(connection.conversation_id)
        if (last_seq === undefined) connection.end({ problem: new Problem('not_found') })
        else Object.assign(connection, { standing, unanswered_since_ms: undefined })
      }
      for (const [id, last_seq] of seen) onSeen(tenant_id, id, last_seq)
    } catch (error) {
      this.#noAnswer(error, connections, asked_at_ms)
    }
  }

  /** A refusal ends them. Anything else is no answer: it is asked again, and after a while nobody may listen on trust. */
  #noAnswer(error: unknown, connections: readonly Connection[], now_ms: number): void {
    const is_refusal = error instanceof Problem && error.status < 500
    if (!is_refusal) this.parts.log_error(error)
    for (const connection of connections) {
      if (is_refusal) {
        connection.end({ problem: error })
        continue
      }
      connection.unanswered_since_ms ??= now_ms
      if (now_ms - connection.unanswered_since_ms < UNANSWERED_MS_MAX) this.ask(connection)
      else connection.end({ problem: unavailable('nobody could say who may listen', 5, error) })
    }
  }
}
