import { type Database, FACTS_SHARE } from '../database/database.js'
import { asUnavailable } from '../database/errors.js'
import { unavailable } from '../problems/problems.js'
import type { ChangeListener } from '../replicas/replica.js'
import type { Claims, Facts } from './facts.js'
import { type FactsRow, factsOf, factsStatement } from './facts-statement.js'

const FACTS = { role: 'gatehouse_platform', share: FACTS_SHARE } as const
/** The most requests whose facts one statement reads. With more, the first of them would wait for the last. */
const BATCH_MAX = 64
/**
 * The most statements of one shape in flight. Requests that arrive during a statement share the next one. Compared with
 * two statements in flight, a request waits half a round trip longer, and PostgreSQL wakes up half as often.
 */
const UNDER_WAY_MAX = 1
/** The most requests that wait. The gateway refuses further requests, because the database has stopped answering. */
const WAITING_MAX = 10_000

/** Reads the facts of callers. Nothing else does. */
export interface FactsReader {
  /**
   * Reads the facts of one request. Every change that was answered before the request is in them.
   * @returns the facts, as a promise only if they are not in memory
   * @throws Problem `service_unavailable` when the database does not answer; authorisation fails closed
   */
  read(claims: Claims): Facts | Promise<Facts>
  /** Tells of changes of facts. A reading that begins in the listener contains them. @returns a function that removes it */
  onChanges(listener: ChangeListener): () => void
}

/** Reads facts from the database. */
export interface FactsSource {
  /** As `FactsReader.read`, and nothing is in memory. */
  read(claims: Claims): Promise<Facts>
}

interface Waiting {
  readonly claims: Claims
  readonly resolve: (facts: Facts) => void
  readonly reject: (error: unknown) => void
}

/** The requests that make the same kinds of claims. */
interface Queue {
  readonly text: string
  waiting: Waiting[]
  under_way: number
  is_scheduled: boolean
}

/**
 * Reads the facts for every request and keeps none. Requests that arrive at the same time share one statement, so one round
 * trip and one wake-up of PostgreSQL serve all of them. A request never shares a statement that was sent before it arrived.
 */
export function openFactsReader(database: Database): FactsSource {
  const queues = new Map<string, Queue>()

  const readTogether = async (text: string, batch: readonly Claims[]): Promise<Facts[]> => {
    const values = [
      batch.map((claims) => claims.tenant_id),
      batch.map((claims) => claims.key_id),
      batch.map((claims) => claims.session_id),
      batch.map((claims) => claims.user_id),
    ]
    const rows = await database.readOne(FACTS, { text, values, row_mode: 'object' })
    const facts: Facts[] = []
    for (const row of rows as FactsRow[]) facts[row.position - 1] = factsOf(row)
    return batch.map((claims, index) => checked(claims, facts[index]))
  }

  const settle = async (queue: Queue, batch: readonly Waiting[]): Promise<void> => {
    try {
      const facts = await readTogether(
        queue.text,
        batch.map(({ claims }) => claims),
      )
      for (const [index, { resolve }] of batch.entries()) resolve(facts[index] as Facts)
    } catch (error) {
      const passing = asUnavailable(error)
      if (passing !== undefined || batch.length === 1) {
        for (const { reject } of batch) reject(passing ?? error)
      } else {
        // If one row cannot be read, the other requests of the statement must still get their facts.
        for (const each of batch) await settle(queue, [each])
      }
    }
  }

  const send = (queue: Queue): void => {
    queue.is_scheduled = false
    while (queue.waiting.length > 0 && queue.under_way < UNDER_WAY_MAX) {
      const batch = queue.waiting.splice(0, BATCH_MAX)
      queue.under_way += 1
      void settle(queue, batch).then(() => {
        queue.under_way -= 1
        send(queue)
      })
    }
  }

  return {
    read(claims) {
      const queue = queueOf(queues, claims)
      if (queue.waiting.length >= WAITING_MAX) {
        return Promise.reject(unavailable('the database does not keep up', 2))
      }
      return new Promise((resolve, reject) => {
        queue.waiting.push({ claims, resolve, reject })
        if (queue.is_scheduled || queue.under_way >= UNDER_WAY_MAX) return
        queue.is_scheduled = true
        // Runs after all requests that have arrived in this turn of the event loop.
        setImmediate(send, queue)
      })
    },
  }
}

function queueOf(queues: Map<string, Queue>, { tenant_id, key_id, session_id, user_id }: Claims): Queue {
  // Keys belong to tenants: without a tenant the statement does not look for the key.
  const tenant = tenant_id !== null
  const user = session_id !== null ? 'session' : user_id !== null ? 'id' : undefined
  const shape = { tenant, key: tenant && key_id !== null, user } as const
  const name = `${shape.tenant} ${shape.key} ${shape.user}`
  const known = queues.get(name)
  if (known !== undefined) return known
  const queue = { text: factsStatement(shape), waiting: [], under_way: 0, is_scheduled: false }
  queues.set(name, queue)
  return queue
}

/** Checks again that the facts belong to the claims of the request. A mistake here would give a caller the rights of another one. */
function checked(claims: Claims, facts: Facts | undefined): Facts {
  if (
    facts === undefined ||
    (facts.tenant !== null && facts.tenant.id !== claims.tenant_id?.toLowerCase()) ||
    (facts.key !== null && facts.key.id !== claims.key_id) ||
    (facts.user !== null && facts.user.id !== claims.user_id) ||
    (facts.session !== null && facts.session.id !== claims.session_id)
  ) {
    throw new Error('the facts that were read are not those of the request')
  }
  return facts
}
