import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { SigningKeys } from '../../../kernel/config/secrets.js'
import { hasBody } from '../../../kernel/request/body.js'
import { required } from '../../../kernel/request/findings.js'
import type { Clock } from '../../../kernel/time/clock.js'
import type { RunningUpstream } from '../pool/running-upstream.js'
import { type ExchangeObservers, ProxyExchange } from './exchange.js'
import { identityTokens } from './identity.js'
import { checkBody, RequestBody } from './request-body.js'
import { requestHeaders } from './request-headers.js'

export interface ForwarderOptions extends ExchangeObservers {
  readonly signing_keys: SigningKeys
  readonly public_url: string
  readonly clock: Clock
}

export interface Forwarder {
  /** Forwards a request to the upstream of its route. @throws Problem `malformed_request`, `body_too_large` */
  forward(request: FastifyRequest, reply: FastifyReply): void
  /** The headers of a request as its upstream receives them: names and values in turn. */
  headersFor(request: FastifyRequest, upstream: RunningUpstream): string[]
}

/** Makes the forwarder of this process. */
export async function openForwarder(app: FastifyInstance, options: ForwarderOptions): Promise<Forwarder> {
  const { signing_keys, public_url, clock } = options
  const tokens = await identityTokens(app, signing_keys, public_url, clock)
  const { protocol, host } = new URL(public_url)
  const address = { protocol: protocol.slice(0, -1), host }
  const headersFor = (request: FastifyRequest, upstream: RunningUpstream) =>
    requestHeaders(request, upstream, tokens, address)
  return {
    headersFor,
    forward(request, reply) {
      const { upstream, route, path } = required(request.findings.forwarding)
      if (!('method' in route)) throw new Error('a socket is not forwarded')
      const { method, raw } = request
      const { body_bytes_max, timeout_ms } = route
      checkBody(raw, route)
      const headers = headersFor(request, upstream)
      const length = request.headers['content-length']
      if (length !== undefined) headers.push('content-length', length)
      const body = hasBody(raw) ? new RequestBody(raw, body_bytes_max ?? 0) : undefined
      new ProxyExchange(request, reply, { upstream, method, path, headers, body, timeout_ms }, options).start()
    },
  }
}
