import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AccessRules } from '../../../kernel/authz/access-rules.js'
import type { FactsReader } from '../../../kernel/authz/facts-reader.js'
import { ConcurrencyCounter } from '../../../kernel/limits/concurrency.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { required } from '../../../kernel/request/findings.js'
import type { Observe } from '../../../kernel/request/observe.js'
import { sendProblem } from '../../../kernel/request/send-problem.js'
import type { Bus } from '../../../kernel/store/bus.js'
import type { Clock } from '../../../kernel/time/clock.js'
import { targetOf } from '../forward/path.js'
import type { DeclaredSocket } from '../manifest/manifest.js'
import type { RunningUpstream } from '../pool/running-upstream.js'
import type { Upstreams } from '../pool/upstreams.js'
import { acceptClient, keepHeads, protocolsOf } from './client-handshake.js'
import { OpenRelays } from './open-relays.js'
import { type RelayLimits, relay } from './relay.js'
import { connectUpstream } from './upstream-handshake.js'

/** Proxies close a connection that is silent for 60 s. */
const PING_EVERY_MS = 30_000
const LIMITS: RelayLimits = { held_bytes_max: 262_144, stalled_ms_max: 30_000, ping_every_ms: PING_EVERY_MS }
const RETRY_AFTER_SECONDS = 5

export interface SocketOptions {
  readonly upstreams: Upstreams
  readonly facts: FactsReader
  readonly rules: AccessRules
  readonly bus: Bus
  readonly clock: Clock
  readonly public_url: string
  readonly observe: Observe
  /** The headers of a request as its upstream receives them: names and values in turn. */
  readonly headersFor: (request: FastifyRequest, upstream: RunningUpstream) => readonly string[]
}

/**
 * Relays the WebSockets of upstreams. The pipeline has checked the handshake like every request. The gateway connects to
 * the upstream first, and accepts the client only if the upstream accepts. If it does not, the client gets an HTTP
 * response that says why, and not a socket that closes.
 *
 * @returns the handler of a handshake
 */
export function relaySockets(app: FastifyInstance, options: SocketOptions) {
  const { facts, rules, clock, bus, upstreams, public_url, observe, headersFor } = options
  const relays = new OpenRelays({ facts, rules, bus, clock, log: app.log })
  upstreams.onReload(() => relays.onManifestChanged())
  const connections = new ConcurrencyCounter()
  const headOf = keepHeads(app)
  app.addHook('preClose', () => relays.close())

  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { route, upstream, path } = required(request.findings.forwarding)
    const declared = route as DeclaredSocket
    const protocols = protocolsOf(request)
    const client = request.raw.socket
    // A client that disconnected during the checks emits no other event, so nothing would end a relay that begins now.
    if (client.destroyed) {
      reply.hijack()
      return
    }
    const key = `${required(request.findings.tenant).id} ${declared.url}`
    const max = declared.connections_per_tenant_max
    if (!connections.enter(key, max)) throw tooManyConnections(max)
    client.once('close', () => connections.leave(key))
    const headers = headersFor(request, upstream)
    const tenant_id = required(request.findings.tenant).id
    const socket = await connectUpstream({ declared, upstream, path, protocols, headers, tenant_id, client })
    if (socket instanceof Problem) {
      // Over HTTP: the problem is about the service and has more to say than a close code can.
      await sendProblem(socket, public_url, request, reply)
      return
    }
    reply.hijack()
    acceptClient(socket, declared, request, headOf(request.raw), (accepted) => {
      observe(request, 101)
      relays.add({
        relay: relay(accepted, socket, LIMITS),
        credential: required(request.findings.credential),
        location: { address: request.ip, origin: request.headers.origin },
        declared: () => declaredNow(upstreams, request, upstream),
      })
    })
  }
}

function tooManyConnections(max: number): Problem {
  return new Problem('too_many_connections', {
    detail: `The tenant has ${max} connections to this socket, which is the maximum for this socket.`,
    headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
  })
}

/** The route of a relay in the current manifest; undefined if it is gone, or its upstream has other origins now. */
function declaredNow(upstreams: Upstreams, request: FastifyRequest, { declared }: RunningUpstream) {
  const generation = upstreams.current()
  const route = generation.findSocket(targetOf(request.originalUrl).path)
  if (route === undefined) return undefined
  const now = generation.upstreams.get(route.upstream)?.declared
  const is_same = now?.name === declared.name && String(now.origins) === String(declared.origins)
  return is_same ? route : undefined
}
