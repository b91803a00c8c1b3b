import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AccessRechecker } from '../authz/access-rechecker.js'
import type { AccessRules, Standing } from '../authz/access-rules.js'
import type { ClientLocation } from '../authz/caller.js'
import type { FactsReader } from '../authz/facts-reader.js'
import { tenantPrincipal } from '../authz/principal.js'
import { schedule } from '../jobs/schedule.js'
import type { ConnectionLimits } from '../limits/budgets.js'
import { Problem } from '../problems/problems.js'
import { required } from '../request/findings.js'
import { pageOriginOf } from '../request/page-origin.js'
import { demandOf } from '../request/route-of.js'
import type { Bus } from '../store/bus.js'
import type { Clock } from '../time/clock.js'
import { Connection, type Transport } from './connection.js'
import { Connections } from './connections.js'
import type { ConversationLog, LogEnd } from './conversation-log.js'
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

/** A conversation that a request may follow. */
export interface Admission {
  readonly conversation_id: string
  /** The end of the log when the request was checked. */
  readonly end: LogEnd
  /** The number of the last change that the client has; undefined if it wants no earlier changes. */
  readonly after?: number | undefined
}

declare module '../request/findings.js' {
  interface Findings {
    /** The conversation that the caller may follow. */
    admission?: Admission
  }
}

export interface Opened {
  readonly connection: Connection
  readonly follower: Follower
}

/** The open streams and long polls of this process. */
export interface Live {
  readonly bus: Bus
  readonly log: ConversationLog
  readonly clock: Clock
  /**
   * Checks whether the caller of a request may follow a conversation.
   * @throws Problem `not_found`, `too_many_connections`, `service_unavailable`
   */
  admit(request: FastifyRequest, conversation_id: string): Promise<Admission>
  /**
   * Reads the standing of an open connection at this moment.
   * @throws Problem if the caller may not have it any more, or `service_unavailable`
   */
  standingNow(connection: Connection): Promise<Standing>
  /** Opens a connection. @throws Problem `too_many_connections`, `service_unavailable` */
  open(request: FastifyRequest, admission: Admission, transport: Transport): Opened
}

/** Delivers events to the connections of this process until the gateway stops. */
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
    if (event.kind === 'log_grown') followers.onGrown(event)
    else if ('conversation_id' in event && event.kind !== 'rights_changed') followers.onEvent(event)
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
      const end = seen.get(conversation_id)
      if (end === undefined) throw new Problem('not_found')
      return { conversation_id, end }
    },
    async standingNow({ credential, location, scopes }) {
      return rules.standingOf(await facts.read(credential), credential, location, scopes, clock())
    },
    open(request, { conversation_id }, transport) {
      const credential = required(request.findings.credential)
      const location: ClientLocation = { address: request.ip, origin: pageOriginOf(request) }
      const { scopes } = demandOf(request)
      const standing = rules.standingOf(required(request.findings.facts), credential, location, scopes, clock())
      const connection = new Connection({ conversation_id, credential, location, scopes, standing, transport })
      connections.add(connection)
      const follower = followers.take(credential.tenant_id, conversation_id)
      rechecker.add(connection)
      connection.onEnd(() => {
        connections.remove(connection)
        rechecker.remove(connection)
        followers.giveBack(follower)
      })
      return { connection, follower }
    },
  }
}

/** Closes the connections of one caller to conversations that the caller no longer sees. The others catch up. */
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
  for (const [id, end] of seen) followers.expect(tenant_id, id, end)
}
