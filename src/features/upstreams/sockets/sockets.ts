import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../../kernel/problems/problems.js'
import { required } from '../../../kernel/request/findings.js'
import type { Observe } from '../../../kernel/request/observe.js'
import { sendProblem } from '../../../kernel/request/send-problem.js'
import { TenantConnections } from '../access/tenant-connections.js'
import type { WatchAccess } from '../access/watch-access.js'
import type { DeclaredSocket } from '../manifest/manifest.js'
import type { RunningUpstream } from '../pool/running-upstream.js'
import { acceptClient, keepHeads, protocolsOf } from './client-handshake.js'
import { type RelayLimits, relay } from './relay.js'
import { connectUpstream } from './upstream-handshake.js'

/** Proxies close a connection that is silent for 60 s. */
const PING_EVERY_MS = 30_000
const LIMITS: RelayLimits = { held_bytes_max: 262_144, stalled_ms_max: 30_000, ping_every_ms: PING_EVERY_MS }

export interface SocketOptions {
  readonly public_url: string
  readonly observe: Observe
  readonly watchAccess: WatchAccess
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
  const { public_url, observe, watchAccess, headersFor } = options
  const connections = new TenantConnections()
  const headOf = keepHeads(app)

  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { route, upstream, path, public_path } = required(request.findings.forwarding)
    const declared = route as DeclaredSocket
    const protocols = protocolsOf(request)
    const client = request.raw.socket
    // A client that disconnected during the checks emits no other event, so nothing would end a relay that begins now.
    if (client.destroyed) {
      reply.hijack()
      return
    }
    const tenant_id = required(request.findings.tenant).id
    client.once('close', connections.enter(tenant_id, declared, declared.connections_per_tenant_max))
    const headers = headersFor(request, upstream)
    const socket = await connectUpstream({ declared, upstream, path, protocols, headers, tenant_id, client })
    if (socket instanceof Problem) {
      // Over HTTP: the problem is about the service and has more to say than a close code can.
      await sendProblem(socket, public_url, request, reply)
      return
    }
    reply.hijack()
    acceptClient(socket, declared, request, headOf(request.raw), (accepted) => {
      observe(request, 101)
      watchAccess(request, relay(accepted, socket, LIMITS), upstream, (now) => now.findSocket(public_path))
    })
  }
}
