import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { FactsReader } from '../authz/facts-reader.js'
import type { Place } from '../authz/standing.js'
import { standingOf } from '../authz/standing.js'
import type { ConnectionLimits } from '../limits/budgets.js'
import { Problem } from '../problems/problems.js'
import { found } from '../request/findings.js'
import type { Bus } from '../store/bus.js'
import type { Clock } from '../time/clock.js'
import { Connection, type Transport } from './connection.js'
import { Connections } from './connections.js'
import type { ConversationLog } from './conversation-log.js'
import type { Follower } from './follower.js'
import { Followers } from './followers.js'
import { TICK_MS } from './limits.js'
import { LISTENING_SCOPES, Obedience } from './obedience.js'

export interface LiveParts {
  readonly bus: Bus
  readonly log: ConversationLog
  readonly facts: FactsReader
  readonly clock: Clock
  readonly limits: ConnectionLimits
}

/** A conversation that a request may listen to, as far as it has been told. */
export interface Admission {
  readonly conversation_id: string
  readonly last_seq: number
  /** The last message that the caller has; undefined when nothing of the past is wanted. */
  readonly after?: number | undefined
}

declare module '../request/findings.js' {
  interface Findings {
    /** The conversation that the caller may listen to. */
    admission?: Admission
  }
}

export interface Opened {
  readonly connection: Connection
  readonly follower: Follower
}

/** Everything that listens here, whichever way. */
export interface Live {
  readonly bus: Bus
  readonly log: ConversationLog
  readonly clock: Clock
  /**
   * Whether the caller of a request may listen to a conversation.
   * @throws Problem `not_found`, `too_many_connections`, `service_unavailable`
   */
  admit(request: FastifyRequest, conversation_id: string): Promise<Admission>
  /** Begins to listen. @throws Problem `too_many_connections`, `service_unavailable` */
  open(request: FastifyRequest, admission: Admission, transport: Transport, onEnd: () => void): Opened
}

/** Connects those who listen with the bus, the log and the clock, until the gateway closes. */
export function openLive(app: FastifyInstance, { bus, log, facts, clock, limits }: LiveParts): Live {
  const connections = new Connections(limits)
  const followers = new Followers(log)
  const obedience = new Obedience({
    facts,
    log,
    clock,
    log_error: (error) => app.log.warn({ err: error }, 'open connections could not be asked about'),
    onSeen: (tenant_id, id, last_seq) => followers.expect(tenant_id, id, last_seq),
  })

  const unsubscribe = bus.subscribe((event) => {
    if (event.kind === 'rights_changed') obedience.hear(event, connections.open)
    else followers.hear(event)
  })
  const timer = setInterval(() => {
    const now = clock()
    for (const connection of connections.open) {
      connection.tick(now)
      obedience.tick(connection, now)
    }
    obedience.round()
  }, TICK_MS)
  timer.unref()
  app.addHook('preClose', async () => {
    clearInterval(timer)
    unsubscribe()
    connections.close()
  })

  return {
    bus,
    log,
    clock,
    async admit(request, conversation_id) {
      const { credential } = request.findings
      connections.checkRoom(found(credential))
      const seen = await log.seen(request.tenant.id, request.principal, [conversation_id])
      const last_seq = seen.get(conversation_id)
      if (last_seq === undefined) throw new Problem('not_found')
      return { conversation_id, last_seq }
    },
    open(request, { conversation_id }, transport, onEnd) {
      const credential = found(request.findings.credential)
      const place: Place = { address: request.ip, origin: request.headers.origin }
      const standing = standingOf(found(request.findings.facts), credential, place, LISTENING_SCOPES, clock())
      const follower = followers.take(credential.tenant_id, conversation_id)
      const connection: Connection = new Connection(
        {
          ...{ conversation_id, credential, place, standing, transport },
          onEnd: () => {
            connections.remove(connection)
            obedience.forget(connection)
            followers.giveBack(follower)
            onEnd()
          },
        },
        clock(),
      )
      try {
        connections.add(connection)
      } catch (error) {
        followers.giveBack(follower)
        throw error
      }
      // What changed between the reading of the facts and this moment was told to nobody: it is asked again.
      obedience.ask(connection)
      return { connection, follower }
    },
  }
}
