import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { SigningKeys } from '../../../kernel/config/secrets.js'
import { scheduleUntilClose } from '../../../kernel/jobs/schedule.js'
import { hasBody } from '../../../kernel/request/body.js'
import { required } from '../../../kernel/request/findings.js'
import type { Clock } from '../../../kernel/time/clock.js'
import { TenantConnections } from '../access/tenant-connections.js'
import type { WatchAccess, WatchExchange } from '../access/watch-access.js'
import { YoungExchanges } from '../access/young-exchanges.js'
import type { RunningUpstream } from '../pool/running-upstream.js'
import { ProxyExchange } from './exchange.js'
import type { RecordParts } from './exchange-record.js'
import { identityTokens } from './identity.js'
import { checkBody, RequestBody } from './request-body.js'
import { requestHeaders } from './request-headers.js'

export interface ForwarderOptions extends RecordParts {
  readonly signing_keys: SigningKeys
  readonly public_url: string
  readonly clock: Clock
  readonly watchAccess: WatchAccess
  readonly watchExchange: WatchExchange
}

const SWEEP_EVERY_MS = 250

export interface Forwarder {
  /**
   * Forwards a request to the upstream of its route.
   * @throws Problem `malformed_request`, `body_too_large`, `too_many_connections`
   */
  forward(request: FastifyRequest, reply: FastifyReply): void
  /** The headers of a request as its upstream receives them: names and values in turn. */
  headersFor(request: FastifyRequest, upstream: RunningUpstream): string[]
}

/** Makes the forwarder of this process. */
export async function openForwarder(app: FastifyInstance, options: ForwarderOptions): Promise<Forwarder> {
  const { signing_keys, public_url, clock, metrics, observe, watchAccess, watchExchange } = options
  const streams = new TenantConnections()
  const young = new YoungExchanges<ProxyExchange>((exchange) => exchange.watch())
  scheduleUntilClose(app, { name: 'watch forwarded requests', every_ms: SWEEP_EVERY_MS, run: () => young.sweep() })
  const tokens = await identityTokens(app, signing_keys, public_url, clock)
  const { protocol, host } = new URL(public_url)
  const address = { protocol: protocol.slice(0, -1), host }
  const headersFor = (request: FastifyRequest, upstream: RunningUpstream) =>
    requestHeaders(request, upstream, tokens, address)
  return {
    headersFor,
    forward(request, reply) {
      const { upstream, route, path, public_path } = required(request.findings.forwarding)
      if (!('method' in route)) throw new Error('a socket is not forwarded')
      const { method, raw } = request
      const { body_bytes_max, timeout_ms, stream } = route
      checkBody(raw, route)
      // A client that has already disconnected emits no other event.
      if (stream !== undefined && !reply.raw.destroyed) {
        reply.raw.once('close', streams.enter(request.tenant.id, route, stream.connections_per_tenant_max))
      }
      const headers = headersFor(request, upstream)
      const length = request.headers['content-length']
      if (length !== undefined) headers.push('content-length', length)
      const body = hasBody(raw) ? new RequestBody(raw, body_bytes_max ?? 0) : undefined
      const idle_ms_max = stream?.idle_ms_max
      new ProxyExchange(
        request,
        reply,
        { upstream, method, path, headers, body, timeout_ms, idle_ms_max },
        {
          ...{ metrics, observe, young },
          watch(exchange, is_stream) {
            if (is_stream) watchAccess(request, exchange, upstream, (now) => now.find(method, public_path))
            else watchExchange(request, exchange, route)
          },
        },
      ).start()
    },
  }
}
