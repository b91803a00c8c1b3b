import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions, LogController } from 'fastify'
import explain from '../features/access/explain-routes.js'
import access from '../features/access/routes.js'
import { platformAudit, tenantAudit } from '../features/audit/routes.js'
import recovery from '../features/auth/recovery-routes.js'
import auth from '../features/auth/routes.js'
import conversationMembers from '../features/conversations/members/routes.js'
import messages from '../features/conversations/messages/routes.js'
import reports, { reporting } from '../features/conversations/reports/routes.js'
import conversations from '../features/conversations/routes.js'
import realtime from '../features/conversations/stream/routes.js'
import customers from '../features/customers/routes.js'
import health from '../features/health/routes.js'
import invitationAnswers from '../features/invitations/answer-routes.js'
import invitations from '../features/invitations/routes.js'
import ownKey from '../features/keys/own/routes.js'
import keys from '../features/keys/routes.js'
import account from '../features/me/account-routes.js'
import me from '../features/me/routes.js'
import overrides from '../features/members/overrides/routes.js'
import members from '../features/members/routes.js'
import analytics from '../features/platform/analytics/routes.js'
import operators from '../features/platform/operators/routes.js'
import platformTenants from '../features/platform/tenants/routes.js'
import platformUsers from '../features/platform/users/routes.js'
import roles from '../features/roles/routes.js'
import tenants from '../features/tenants/routes.js'
import type { Upstreams } from '../features/upstreams/pool/upstreams.js'
import { forwardToUpstreams } from '../features/upstreams/routes.js'
import type { openUsageRecorder } from '../features/usage/recorder.js'
import tenantUsage from '../features/usage/routes.js'
import { openFactsReader } from '../kernel/authz/facts-reader.js'
import type { Config } from '../kernel/config/config.js'
import type { Secrets } from '../kernel/config/secrets.js'
import { accessTokens } from '../kernel/credentials/access-tokens.js'
import { openPasswords } from '../kernel/credentials/passwords.js'
import type { Database } from '../kernel/database/database.js'
import { pendingMigrations } from '../kernel/database/migrate.js'
import { openAfterwards } from '../kernel/jobs/afterwards.js'
import { openLimiter } from '../kernel/limits/limiter.js'
import { openLive } from '../kernel/live/live.js'
import { openMailer } from '../kernel/mail/mailer.js'
import { serveMetrics } from '../kernel/metrics/server.js'
import { isScope } from '../kernel/permissions/scopes.js'
import { clientErrorHandler, requestIdOf } from '../kernel/problems/client-errors.js'
import { checkEncoding, decodeUtf8, parseJsonBody } from '../kernel/rest/json-body.js'
import { checkQuery, routable } from '../kernel/rest/urls.js'
import { GatewayRequest } from '../kernel/sockets/handshake.js'
import { installWebSockets } from '../kernel/sockets/web-sockets.js'
import { openBus } from '../kernel/store/bus.js'
import type { Clock } from '../kernel/time/clock.js'
import { isInstant } from '../kernel/time/instants.js'
import { conversationLog } from './conversation-log.js'
import { startCounting } from './counting.js'
import { type SchemaController, sharingCompilers } from './http/compilers.js'
import { installCors } from './http/cors.js'
import { installDeadlines } from './http/deadlines.js'
import { installErrorHandler } from './http/error-handler.js'
import { answerExpectations } from './http/expectations.js'
import { installHeaders } from './http/headers.js'
import { installIdempotency } from './http/idempotency.js'
import { collectMethods, refuseOtherMethods, refuseUnrouted } from './http/methods.js'
import { observeAnswers } from './http/observe.js'
import { collectRoutes } from './http/route-catalogue.js'
import { answerSeal } from './http/sealed-answer.js'
import { closeUnanswered } from './http/unanswered.js'
import { completeSchemas, installOpenApi } from './openapi/openapi.js'
import service from './openapi/service-routes.js'
import { installPipeline } from './pipeline/index.js'
import { PlatformStore } from './stores/platform-store.js'
import { startSweeping } from './sweep.js'

const BODY_BYTES_MAX = 262_144
/** The whole request must have arrived by then; a client that drips cannot hold a socket for ever. */
const REQUEST_TIMEOUT_MS = 30_000
/** Longer than any statement may take. */
const CONNECTION_IDLE_MS = 60_000
const KEEP_ALIVE_MS = 72_000
/** Longer than Node lets a URL be: the router would refuse by itself, so the first step of the pipeline does. */
const ROUTER_PARAMETER_CHARACTERS_MAX = 65_536

/** What the gateway is made of. Tests bring their own clock and log. */
export interface Parts {
  readonly config: Config
  readonly secrets: Secrets
  readonly database: Database
  readonly clock: Clock
  readonly logger: FastifyServerOptions['logger']
  readonly isDraining: () => boolean
  /** Services behind the gateway; whoever opens them may also read their manifest again. */
  readonly upstreams?: Upstreams | undefined
  /** More routes, under the same pipeline; registered last. For tests of the pipeline itself. */
  readonly more?: (app: FastifyInstance) => Promise<void>
  /** Another recorder of usage. For the bench, which asks what counting costs; there is no setting for it. */
  readonly openUsage?: typeof openUsageRecorder
  /** Compilers that another gateway of the process has filled. For tests, which start a gateway a file. */
  readonly compilers?: SchemaController
}

/** Assembles the service. Whatever is wrong with a route stops it here. */
export async function createGateway(parts: Parts): Promise<FastifyInstance> {
  const { config, secrets, database, clock, upstreams } = parts
  const { public_url } = config
  const declared = () => upstreams?.current().operations
  const app = fastify({
    logger: parts.logger ?? false,
    // One line a request, of fields chosen in logging.ts; request_id as in answers and in the audit.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: requestIdOf,
    trustProxy: config.trusted_proxies.length > 0 ? [...config.trusted_proxies] : false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: CONNECTION_IDLE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: false,
    rewriteUrl: routable,
    routerOptions: { maxParamLength: ROUTER_PARAMETER_CHARACTERS_MAX },
    // Node would refuse a request without Host by itself, with no problem in the answer; the first step does.
    http: { requireHostHeader: false, IncomingMessage: GatewayRequest },
    clientErrorHandler: clientErrorHandler(public_url),
    schemaController: parts.compilers ?? sharingCompilers(),
    // Input is refused or taken as it is: nothing is dropped in silence, nothing is bent into shape.
    ajv: {
      customOptions: {
        removeAdditional: false,
        coerceTypes: false,
        useDefaults: false,
        allErrors: false,
        allowUnionTypes: true,
        keywords: ['x-documented-as'],
        formats: { scope: isScope },
      },
      onCreate: (ajv) => ajv.addFormat('date-time', isInstant),
    },
  }).withTypeProvider<TypeBoxTypeProvider>()
  // Node drops header lines beyond this in silence; our own check counts all of them, within 16 KiB.
  app.server.maxHeadersCount = 0

  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: string | Buffer) => {
      checkEncoding(request)
      return body.length === 0 ? undefined : parseJsonBody(decodeUtf8(body as Buffer))
    },
  )

  const limiter = await openLimiter(app, config.budgets, clock)
  const access_tokens = await accessTokens(app, secrets.signing_keys, public_url, config.access_token_seconds, clock)
  const passwords = await openPasswords()
  const counting = startCounting(app, database, clock, parts.openUsage)
  const { key_use } = counting
  const bus = openBus((error) => app.log.error({ err: error }, 'a listener of the bus failed'))
  if (config.metrics !== undefined) await serveMetrics(app, counting.metrics, config.metrics.host, config.metrics.port)
  const mailer = openMailer(config.mail, app.log)
  const afterwards = openAfterwards(app.log)
  app.addHook('onClose', async () => {
    // In this order: what follows an answer may end with a mail.
    await afterwards.settled()
    await mailer.settled()
  })

  const stopSweeping = startSweeping(database, clock, (error) => app.log.warn({ err: error }, 'the sweep failed'))
  app.addHook('onClose', async () => stopSweeping())

  closeUnanswered(app)
  installHeaders(app)
  installDeadlines(app)
  answerExpectations(app)
  app.addHook('preValidation', checkQuery)
  const observe = observeAnswers(app, counting)
  const sockets = await installWebSockets(app, public_url, observe)
  installErrorHandler(app, public_url, sockets)
  const methods_of = collectMethods(app)
  const catalogue = collectRoutes(app, upstreams)
  const facts = openFactsReader(database)
  const pipeline = installPipeline(app, {
    database,
    facts,
    access_tokens,
    limiter,
    key_use,
    bus,
    clock,
  })
  completeSchemas(app)
  installIdempotency(app, answerSeal(secrets.signing_keys))
  await installCors(app, pipeline, config.cors_origins, originLookup(database, clock), clock)
  refuseUnrouted(app)
  await installOpenApi(app, pipeline, declared)
  const live = openLive(app, { bus, log: conversationLog(database, clock), facts, clock, limits: config.connections })

  app.register(health, { pendingMigrations: () => pendingMigrations(database), isDraining: parts.isDraining })
  app.register(service, { public_jwks: secrets.signing_keys.map((key) => key.public_jwk), declared })
  app.register(auth, {
    prefix: '/v1/auth',
    limiter,
    passwords,
    access_tokens,
    refresh_token_seconds: config.refresh_token_seconds,
    allow_registration: config.allow_registration,
    mailer,
    afterwards,
    public_url,
  })
  app.register(recovery, { prefix: '/v1/auth', limiter, passwords, mailer, afterwards, public_url })
  app.register(me, { prefix: '/v1/me' })
  app.register(account, { prefix: '/v1/me', limiter, passwords, mailer, public_url })
  app.register(invitationAnswers, { prefix: '/v1/invitations' })

  app.register(tenants, { prefix: '/v1/tenants' })
  app.register(keys, { prefix: '/v1/tenants/:tenant_id/keys', clock, key_use })
  app.register(members, { prefix: '/v1/tenants/:tenant_id/members' })
  app.register(overrides, { prefix: '/v1/tenants/:tenant_id/members/:user_id/overrides' })
  app.register(invitations, { prefix: '/v1/tenants/:tenant_id/invitations', limiter, mailer, public_url })
  app.register(roles, { prefix: '/v1/tenants/:tenant_id/roles', catalogue })
  app.register(explain, { prefix: '/v1/tenants/:tenant_id', catalogue })
  app.register(tenantAudit, { prefix: '/v1/tenants/:tenant_id/audit-events' })
  app.register(tenantUsage, { prefix: '/v1/tenants/:tenant_id/usage', clock, recorder: counting.usage })

  app.register(access, { prefix: '/v1/access', limiter })
  app.register(ownKey, { prefix: '/v1/key', clock, key_use })
  app.register(customers, { prefix: '/v1/customers' })
  app.register(conversations, { prefix: '/v1/conversations' })
  app.register(conversationMembers, { prefix: '/v1/conversations/:id/members' })
  app.register(messages, { prefix: '/v1/conversations/:id/messages', limiter, live })
  app.register(realtime, { prefix: '/v1/conversations', live, limiter, public_url, observe })
  app.register(reporting, { prefix: '/v1/conversations/:id/messages' })
  app.register(reports, { prefix: '/v1/reports' })

  app.register(platformTenants, { prefix: '/v1/platform/tenants', clock })
  app.register(platformUsers, { prefix: '/v1/platform/users', passwords })
  app.register(operators, { prefix: '/v1/platform/operators' })
  app.register(analytics, { prefix: '/v1/platform/analytics', clock })
  app.register(platformAudit, { prefix: '/v1/platform/audit-events' })
  if (upstreams !== undefined) {
    const { signing_keys } = secrets
    const { metrics } = counting
    const options = { upstreams, signing_keys, public_url, metrics, clock, facts, bus, observe }
    app.register(async (scope) => forwardToUpstreams(scope, options))
  }
  if (parts.more !== undefined) app.register(parts.more)
  app.register(async (scope) => refuseOtherMethods(scope, methods_of))

  await app.ready()
  return app
}

/** Whether some tenant lists an origin; for preflights, which name no tenant. */
function originLookup(database: Database, clock: Clock): (origin: string) => Promise<boolean> {
  const nobody = { actor: { kind: 'anonymous' as const, id: null }, address: null, user_agent: null, request_id: null }
  return (origin) =>
    new PlatformStore(database, clock, () => nobody).read((store) => store.tenants.isOriginListed(origin))
}
