import type { FastifyInstance } from 'fastify'
import type { AccessRules } from '../../kernel/authz/access-rules.js'
import type { FactsReader } from '../../kernel/authz/facts-reader.js'
import type { SigningKeys } from '../../kernel/config/secrets.js'
import type { Metrics } from '../../kernel/metrics/metrics.js'
import { Problem } from '../../kernel/problems/problems.js'
import { tenant } from '../../kernel/request/access.js'
import type { Step } from '../../kernel/request/gate.js'
import type { Observe } from '../../kernel/request/observe.js'
import type { Bus } from '../../kernel/store/bus.js'
import type { Clock } from '../../kernel/time/clock.js'
import { OpenConnections } from './access/open-connections.js'
import { watchingAccess, watchingExchanges } from './access/watch-access.js'
import { findRoute, findSocket } from './forward/find-route.js'
import { openForwarder } from './forward/forward.js'
import type { Forwarding } from './forward/forwarding.js'
import { targetOf } from './forward/path.js'
import { openUpstreamMetrics, type UpstreamMetrics } from './metrics.js'
import type { Reports } from './pool/generation.js'
import type { RunningUpstream } from './pool/running-upstream.js'
import type { Upstreams } from './pool/upstreams.js'
import { noSocket } from './sockets/alternatives.js'
import { relaySockets } from './sockets/sockets.js'

/**
 * The longest time until a forwarded request must have a response: a body (30 s, as for every request), and twice the longest
 * timeout of a manifest, to connect and to respond. Each part has its own timeout; this one is the fallback.
 */
const HANDLER_MS_MAX = 150_000
/** The methods that the router accepts. The manifest decides which of them a path has. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE']

export interface UpstreamOptions {
  readonly upstreams: Upstreams
  readonly signing_keys: SigningKeys
  readonly public_url: string
  readonly metrics: Metrics
  readonly observe: Observe
  readonly clock: Clock
  readonly facts: FactsReader
  readonly rules: AccessRules
  readonly bus: Bus
}

/**
 * Registers the routes of upstreams. For the router they are one wildcard route, because Fastify cannot add or remove routes
 * while it runs, and a manifest can. `matchDeclared` finds the declared route before the first step of the column. From then
 * on, the request has the access line and the template of that route.
 */
export async function forwardToUpstreams(app: FastifyInstance, options: UpstreamOptions): Promise<void> {
  const { upstreams, signing_keys, public_url, clock, facts, rules, bus, observe } = options
  const metrics = openUpstreamMetrics(options.metrics.registry, upstreams)
  const connections = new OpenConnections({ facts, rules, bus, clock, log: app.log })
  upstreams.onReload(() => connections.onManifestChanged())
  app.addHook('preClose', () => connections.close())
  const watchAccess = watchingAccess(connections, upstreams)
  const watchExchange = watchingExchanges(connections)
  const forwarder = { signing_keys, public_url, clock, metrics, observe, watchAccess, watchExchange }
  const { forward, headersFor } = await openForwarder(app, forwarder)
  const relaySocket = relaySockets(app, { public_url, observe, watchAccess, headersFor })
  upstreams.reportTo(reportsOf(app, metrics))
  app.addHook('onClose', () => upstreams.close())

  // The gateway streams the body to the upstream and does not parse it.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined))
  app.route({
    method: METHODS,
    url: '*',
    config: { ...tenant(), identify_route: matchDeclared(upstreams), handler_ms_max: HANDLER_MS_MAX },
    exposeHeadRoute: false,
    async preHandler(request, reply) {
      if (request.ws) await relaySocket(request, reply)
    },
    schema: { hide: true, querystring: { type: 'object', additionalProperties: true } },
    handler: forward,
  })
}

/** Counts and logs the changes of breakers and of health. */
function reportsOf({ log }: FastifyInstance, metrics: UpstreamMetrics): Reports {
  return {
    log,
    onBreakerChange(upstream, origin, state) {
      metrics.breakerChanged(upstream, origin, state)
      log.warn({ upstream, origin, state }, 'breaker of an upstream origin changed')
    },
    onHealthChange(upstream, origin, is_healthy) {
      log.warn({ upstream, origin, is_healthy }, 'health of an upstream origin changed')
    },
  }
}

/**
 * Finds the declared route of a request. It refuses an undeclared route before the gateway checks credentials, and before it
 * forwards anything.
 *
 * @throws Problem `ambiguous_path`, `not_found`, `method_not_allowed`
 */
function matchDeclared(upstreams: Upstreams): Step {
  return (_gate, request, reply): undefined => {
    const target = targetOf(request.originalUrl)
    const { path, query } = target
    const generation = upstreams.current()
    const route = request.ws ? findSocket(generation, target) : findRoute(generation, request.method, target)
    if (route === undefined) {
      if (request.ws) throw noSocket(generation, path)
      if (request.method === 'GET' && generation.findSocket(path) !== undefined) {
        throw new Problem('upgrade_required', {
          detail: 'This path is a WebSocket of a service behind the gateway. Open it as a WebSocket.',
          headers: { upgrade: 'websocket', connection: 'upgrade' },
        })
      }
      const allow = generation.methodsOf(path).join(', ')
      throw allow === '' ? new Problem('not_found') : new Problem('method_not_allowed', { headers: { allow } })
    }
    const upstream = generation.upstreams.get(route.upstream) as RunningUpstream
    // If the client has already disconnected, no close event follows, and the request would stay counted.
    if (!reply.raw.destroyed) {
      generation.enter()
      reply.raw.once('close', () => generation.leave())
    }
    const forwarding: Forwarding = { route, upstream, public_path: path, path: upstream.pathOf(path) + query }
    Object.assign(request.findings, { matched: route, forwarding })
  }
}
