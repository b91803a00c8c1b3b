import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import type { AccessRules } from '../../../kernel/authz/access-rules.js'
import type { FactsReader } from '../../../kernel/authz/facts-reader.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { found } from '../../../kernel/request/findings.js'
import type { Observe } from '../../../kernel/request/observe.js'
import { sendProblem } from '../../../kernel/request/send-problem.js'
import type { Bus } from '../../../kernel/store/bus.js'
import type { Clock } from '../../../kernel/time/clock.js'
import { targetOf } from '../forward/path.js'
import type { DeclaredSocket, Upstream } from '../manifest/manifest.js'
import type { Generation } from '../pool/generation.js'
import type { Origin } from '../pool/origin.js'
import type { RunningUpstream } from '../pool/running-upstream.js'
import type { Upstreams } from '../pool/upstreams.js'
import { OpenRelays } from './open-relays.js'
import { type RelayLimits, relay } from './relay.js'
import { type DialFailure, dial, SOCKET_OPTIONS } from './relay-dial.js'

const LIMITS: RelayLimits = { held_bytes_max: 262_144, stalled_ms_max: 30_000, idle_ms_max: 120_000 }
const RETRY_AFTER_SECONDS = 5
/** One or more tokens (RFC 6455 section 11.3.4). */
const PROTOCOLS = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\s*,\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*$/

export interface SocketOptions {
  readonly upstreams: Upstreams
  readonly facts: FactsReader
  readonly rules: AccessRules
  readonly bus: Bus
  readonly clock: Clock
  readonly public_url: string
  readonly observe: Observe
  /** The headers of a request as its upstream gets them, names and values in turn. */
  readonly headersFor: (request: FastifyRequest, upstream: RunningUpstream) => readonly string[]
}

/**
 * WebSockets of upstreams. The pipeline has checked the handshake as it checks every request; here the upstream is
 * dialled, and only when it has accepted is the caller accepted too. So whatever is wrong with it is an answer over HTTP
 * that says what, and not a socket that closes for no reason that anybody can read.
 *
 * @returns what a route does with a handshake, instead of its handler.
 */
export function relaySockets(app: FastifyInstance, options: SocketOptions) {
  const { facts, rules, clock, bus, upstreams, public_url, observe } = options
  const relays = new OpenRelays({ facts, rules, bus, clock, log: app.log })
  upstreams.onReload(() => relays.onManifestChanged())
  const counts = new Map<string, number>()
  const headOf = rememberHeads(app)
  app.addHook('preClose', () => relays.close())

  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { route, upstream, path } = found(request.findings.forwarding)
    const declared = route as DeclaredSocket
    const protocols = protocolsOf(request)
    // Whoever left while it was asked who they are is never heard of again: nothing would end what begins here.
    if (request.raw.socket.destroyed) {
      reply.hijack()
      return
    }
    const leave = enter(counts, declared, found(request.findings.tenant).id)
    request.raw.socket.once('close', leave)
    const socket = await dialUpstream(declared, upstream, path, protocols, request)
    if (socket instanceof Problem) {
      // A refusal of the gateway is a close that a page can read. This one is about somebody else, and says more.
      await sendProblem(socket, public_url, request, reply)
      return
    }
    reply.hijack()
    accept(socket, declared, request, headOf(request.raw), (caller) => {
      observe(request, 101)
      relays.add({
        relay: relay(caller, socket, LIMITS),
        credential: found(request.findings.credential),
        location: { address: request.ip, origin: request.headers.origin },
        declared: () => declaredNow(upstreams, request, upstream),
      })
    })
  }

  async function dialUpstream(
    declared: DeclaredSocket,
    upstream: RunningUpstream,
    path: string,
    protocols: readonly string[],
    request: FastifyRequest,
  ): Promise<WebSocket | Problem> {
    const origin = upstream.choose([])
    if (origin === undefined) {
      throw new Problem('upstream_unavailable', { headers: { 'retry-after': String(upstream.retrySeconds()) } })
    }
    const { timeout_ms, message_bytes_max } = declared
    const url = origin.url.replace(/^http/, 'ws') + path
    const headers = recordOf(options.headersFor(request, upstream))
    const gone = new AbortController()
    const abort = () => gone.abort()
    request.raw.socket.once('close', abort)
    origin.breaker.enter()
    try {
      const { ca } = upstream.declared
      const dialling = { url, headers, protocols, message_bytes_max, timeout_ms, ca }
      const socket = await dial(dialling, gone.signal)
      origin.breaker.succeed()
      return socket
    } catch (error) {
      const failure = error as DialFailure
      noteFailure(origin, failure)
      return problemOf(failure, upstream)
    } finally {
      request.raw.socket.off('close', abort)
    }
  }
}

/** Answers the caller's handshake as the upstream has answered its own. */
function accept(
  upstream: WebSocket,
  { message_bytes_max }: DeclaredSocket,
  { raw }: FastifyRequest,
  head: Buffer,
  accepted: (caller: WebSocket) => void,
): void {
  const server = new WebSocketServer({
    ...SOCKET_OPTIONS,
    noServer: true,
    clientTracking: false,
    maxPayload: message_bytes_max,
    handleProtocols: () => (upstream.protocol === '' ? false : upstream.protocol),
  })
  // Whoever went away meanwhile, even if only half, is not accepted any more: the other side ends with them.
  if (raw.socket.destroyed) {
    upstream.terminate()
    return
  }
  const gone = () => upstream.terminate()
  raw.socket.once('close', gone)
  server.once('wsClientError', (_error, socket) => {
    upstream.terminate()
    socket.destroy()
  })
  server.handleUpgrade(raw, raw.socket, head, (caller) => {
    raw.socket.off('close', gone)
    accepted(caller)
  })
}

/** One more connection of a tenant to a socket. @returns one less. */
function enter(counts: Map<string, number>, declared: DeclaredSocket, tenant_id: string): () => void {
  const name = `${tenant_id} ${declared.url}`
  const count = counts.get(name) ?? 0
  const most = declared.connections_per_tenant_max
  if (count >= most) {
    throw new Problem('too_many_connections', {
      detail: `The tenant has ${most} connections to this socket, which is as many as it may have here.`,
      headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
    })
  }
  counts.set(name, count + 1)
  return () => {
    const left = (counts.get(name) ?? 1) - 1
    if (left === 0) counts.delete(name)
    else counts.set(name, left)
  }
}

function noteFailure({ breaker }: Origin, { kind }: DialFailure): void {
  if (kind === 'refused') breaker.succeed()
  else if (kind === 'aborted') breaker.leave()
  else breaker.fail()
}

function problemOf({ kind, status, message, cause }: DialFailure, { declared }: RunningUpstream): Problem {
  const internal = `${declared.name}: ${message} ${cause ?? ''}`.trim()
  if (kind === 'timeout') return new Problem('upstream_timeout', { internal, cause })
  if (kind !== 'refused') return new Problem('upstream_unreachable', { internal, cause })
  const routes = pollable(declared)
  return new Problem('upstream_no_web_socket', {
    internal,
    detail: `The service behind the gateway answered ${status} to the handshake: it has no such WebSocket. ${insteadOf(routes)}`,
    members: { upstream: declared.name, upstream_status: status, poll: routes },
  })
}

/** There is no socket at a path. A page that hopes for one learns what it can ask instead. */
export function noSocket(generation: Generation, path: string): Problem {
  const upstream = generation.manifest.upstreams.find(({ prefix }) => `${path}/`.startsWith(`${prefix}/`))
  if (upstream === undefined) return new Problem('not_found')
  const routes = pollable(upstream)
  const detail = `There is no WebSocket at this path. ${insteadOf(routes)}`
  const code = generation.find('GET', path) === undefined ? 'not_found' : 'no_web_socket'
  return new Problem(code, { detail, members: { poll: routes } })
}

function pollable({ routes }: Upstream): string[] {
  return routes.filter(({ method }) => method === 'GET').map(({ url }) => `GET ${url}`)
}

function insteadOf(routes: readonly string[]): string {
  return routes.length === 0 ? 'There is no route that could be polled instead.' : `Poll ${routes.join(', ')}.`
}

/** The route of an open connection as the manifest in force has it. */
function declaredNow(upstreams: Upstreams, request: FastifyRequest, { declared }: RunningUpstream) {
  const generation = upstreams.current()
  const route = generation.findSocket(targetOf(request.originalUrl).path)
  if (route === undefined) return undefined
  const now = generation.upstreams.get(route.upstream)?.declared
  const is_same = now?.name === declared.name && String(now.origins) === String(declared.origins)
  return is_same ? route : undefined
}

function protocolsOf({ headers }: FastifyRequest): string[] {
  const offered = headers['sec-websocket-protocol']
  if (offered === undefined) return []
  if (!PROTOCOLS.test(offered)) throw new Problem('malformed_request')
  return [...new Set(offered.split(',').map((each) => each.trim()))]
}

function recordOf(flat: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {}
  for (let position = 0; position < flat.length; position += 2) {
    record[flat[position] as string] = flat[position + 1] as string
  }
  return record
}

/** What a caller sent right behind its handshake is in nobody's stream any more; it is the beginning of the relay. */
function rememberHeads(app: FastifyInstance): (raw: IncomingMessage) => Buffer {
  const heads = new WeakMap<IncomingMessage, Buffer>()
  const remember = (raw: IncomingMessage, _socket: Duplex, head: Buffer) => void heads.set(raw, head)
  app.server.prependListener('upgrade', remember)
  // Node takes an upgrade away from its parser while somebody listens, and then nobody would answer it.
  app.addHook('preClose', async () => void app.server.off('upgrade', remember))
  return (raw) => heads.get(raw) ?? Buffer.alloc(0)
}
