import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AccessRechecker } from '../authz/access-rechecker.js'
import type { AccessRules } from '../authz/access-rules.js'
import type { ClientLocation } from '../authz/caller.js'
import type { FactsReader } from '../authz/facts-reader.js'
import { tenantPrincipal } from '../authz/principal.js'
import { schedule } from '../jobs/schedule.js'
import type { ConnectionLimits } from '../limits/budgets.js'
import { Problem } from '../problems/problems.js'
import { required } from '../request/findings.js'
import { demandOf } from '../request/route-of.js'
import type { Bus } from '../store/bus.js'
import type { Clock } from '../time/clock.js'
import { Connection, type Transport } from './connection.js'
import { Connections } from './connections.js'
import type { ConversationLog } from './conversation-log.js'
import type { Follower } from './follower.js'
import { Followers } from './followers.js'
import { TICK_MS } from './limits.js'

export interface LiveParts {
  readonly bus: Bus
  readonly log: ConversationLog
  readonly facts: FactsReader
  readonly rules: AccessRules
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
export function openLive(app: FastifyInstance, { bus, log, facts, rules, clock, limits }: LiveParts): Live {
  const connections = new Connections(limits)
  const followers = new Followers(log)
  const rechecker = new AccessRechecker<Connection>({
    facts,
    rules,
    bus,
    clock,
    log: app.log,
    checkTargets: (connections) => checkVisible(connections, log, followers),
  })

  const unsubscribe = bus.subscribe((event) => {
    if (event.kind !== 'rights_changed') followers.onEvent(event)
  })
  const tick = () => {
    const now = clock()
    for (const connection of connections.open) connection.tick(now)
  }
  const ticks = schedule({ name: 'tick connections', every_ms: TICK_MS, run: tick }, app.log)
  app.addHook('preClose', async () => {
    void ticks.stop()
    unsubscribe()
    rechecker.close()
    connections.close()
  })

  return {
    bus,
    log,
    clock,
    async admit(request, conversation_id) {
      const { credential } = request.findings
      connections.checkRoom(required(credential))
      const seen = await log.seen(request.tenant.id, tenantPrincipal(request.principal), [conversation_id])
      const last_seq = seen.get(conversation_id)
      if (last_seq === undefined) throw new Problem('not_found')
      return { conversation_id, last_seq }
    },
    open(request, { conversation_id }, transport, onEnd) {
      const credential = required(request.findings.credential)
      const location: ClientLocation = { address: request.ip, origin: request.headers.origin }
      const { scopes } = demandOf(request)
      const standing = rules.standingOf(required(request.findings.facts), credential, location, scopes, clock())
      const follower = followers.take(credential.tenant_id, conversation_id)
      const connection: Connection = new Connection({
        ...{ conversation_id, credential, location, scopes, standing, transport },
        onEnd: () => {
          connections.remove(connection)
          rechecker.remove(connection)
          followers.giveBack(follower)
          onEnd()
        },
      })
      try {
        connections.add(connection)
      } catch (error) {
        followers.giveBack(follower)
        throw error
      }
      rechecker.add(connection)
      return { connection, follower }
    },
  }
}

/** Closes the connections of one caller to conversations that the caller no longer sees, and reads what the others lack. */
async function checkVisible(
  connections: readonly Connection[],
  log: ConversationLog,
  followers: Followers,
): Promise<void> {
  const [{ tenant_id, standing }] = connections as readonly [Connection]
  const ids = [...new Set(connections.map((connection) => connection.conversation_id))]
  const seen = await log.seen(tenant_id, standing.principal, ids)
  for (const connection of connections) {
    if (!seen.has(connection.conversation_id)) connection.end({ problem: new Problem('not_found') })
  }
  for (const [id, last_seq] of seen) followers.expect(tenant_id, id, last_seq)
}
