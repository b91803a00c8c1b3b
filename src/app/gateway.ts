import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions, LogController } from 'fastify'
import type { Upstreams } from '../features/upstreams/pool/upstreams.js'
import type { openUsageRecorder } from '../features/usage/recorder.js'
import { accessRules } from '../kernel/authz/access-rules.js'
import { openFactsReader } from '../kernel/authz/facts-reader.js'
import type { Config } from '../kernel/config/config.js'
import type { Secrets } from '../kernel/config/secrets.js'
import { accessTokens } from '../kernel/credentials/access-tokens.js'
import { openPasswords } from '../kernel/credentials/passwords.js'
import type { Database } from '../kernel/database/database.js'
import { pendingMigrations } from '../kernel/database/migrate.js'
import { mount } from '../kernel/feature/mount.js'
import { openAfterResponseQueue } from '../kernel/jobs/after-response.js'
import { scheduleUntilClose } from '../kernel/jobs/schedule.js'
import { openLimiter } from '../kernel/limits/limiter.js'
import { openLive } from '../kernel/live/live.js'
import { openMailer } from '../kernel/mail/mailer.js'
import { serveMetrics } from '../kernel/metrics/server.js'
import { BUILT_IN_SCOPES } from '../kernel/permissions/scope-catalogue.js'
import { clientErrorHandler, requestIdOf } from '../kernel/problems/client-errors.js'
import { checkEncoding, decodeUtf8, parseJsonBody } from '../kernel/rest/json-body.js'
import { checkQuery, routable } from '../kernel/rest/urls.js'
import { GatewayRequest } from '../kernel/sockets/handshake.js'
import { installWebSockets } from '../kernel/sockets/web-sockets.js'
import { systemOrigin } from '../kernel/store/audit-record.js'
import { type Bus, openBus } from '../kernel/store/bus.js'
import type { Clock } from '../kernel/time/clock.js'
import { isInstant } from '../kernel/time/instants.js'
import { FEATURES, inContractOrder } from './composition/features.js'
import { openStores, type Stores } from './composition/stores.js'
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
import { describeRoutes } from './openapi/openapi-document.js'
import service from './openapi/service-routes.js'
import { TABLE } from './pipeline/index.js'
import { installPipeline } from './pipeline/install.js'
import type { Row } from './pipeline/row.js'
import { SWEEP_EVERY_MS, sweepSessions } from './sweep.js'

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
  /** Another table. For tests, which add a row to the one of the gateway. */
  readonly table?: (table: readonly Row[]) => readonly Row[]
  /** Another recorder of usage. For the bench, which asks what counting costs; there is no setting for it. */
  readonly openUsage?: typeof openUsageRecorder
  /** Compilers that another gateway of the process has filled. For tests, which start a gateway a file. */
  readonly compilers?: SchemaController
}

/** A gateway that can listen, and what code next to it may use. */
export interface Gateway {
  readonly app: FastifyInstance
  /** The stores of the process. Every write through them reaches the connections of this gateway. */
  readonly stores: Stores
  readonly bus: Bus
}

/** Assembles the service. Whatever is wrong with a route stops it here. */
export async function createGateway(parts: Parts): Promise<Gateway> {
  const { config, secrets, database, clock, upstreams } = parts
  const { public_url } = config
  const scopesNow = () => upstreams?.current().scopes ?? BUILT_IN_SCOPES
  const table = parts.table?.(TABLE) ?? TABLE
  const rules = accessRules(table, scopesNow)
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
        formats: { scope: upstreams === undefined ? BUILT_IN_SCOPES.has : (text: string) => scopesNow().has(text) },
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
  const bus = openBus((error) => app.log.error({ err: error }, 'a listener of the bus failed'))
  const stores = openStores({ database, clock, bus })
  const counting = startCounting(app, database, stores, clock, parts.openUsage)
  const { key_use } = counting
  if (config.metrics !== undefined) await serveMetrics(app, counting.metrics, config.metrics.host, config.metrics.port)
  const mailer = openMailer(config.mail, app.log)
  const after_response = openAfterResponseQueue(app.log)
  app.addHook('onClose', async () => {
    // In this order, because an after-response task can send a mail.
    await after_response.settled()
    await mailer.settled()
  })

  scheduleUntilClose(app, { name: 'sweep', every_ms: SWEEP_EVERY_MS, run: () => sweepSessions(stores) })

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
  const pipeline = installPipeline(app, { stores, facts, access_tokens, limiter, key_use, scopesNow, clock }, table)
  completeSchemas(app, rules)
  installIdempotency(app, answerSeal(secrets.signing_keys))
  await installCors(app, pipeline, config.cors_origins, originLookup(stores), clock)
  refuseUnrouted(app)
  const contract = describeRoutes(app, rules, () => upstreams?.current())
  await installOpenApi(app, pipeline, contract)
  const live = openLive(app, { bus, log: conversationLog(stores), facts, rules, clock, limits: config.connections })

  // What features can ask for: each names the services that it needs in its feature.ts.
  const services = {
    ...counting,
    access_tokens,
    after_response,
    allow_registration: config.allow_registration,
    bus,
    catalogue,
    clock,
    facts,
    isDraining: parts.isDraining,
    limiter,
    live,
    mailer,
    observe,
    passwords,
    pendingMigrations: () => pendingMigrations(database),
    public_url,
    scopesNow,
    refresh_token_seconds: config.refresh_token_seconds,
    rules,
    signing_keys: secrets.signing_keys,
    upstreams,
  }
  const mounts = Object.values(FEATURES).flatMap((feature) => feature.routes(services))
  const public_jwks = secrets.signing_keys.map((key) => key.public_jwk)
  const own = mount('', service, { public_jwks, contract })
  for (const each of inContractOrder([...mounts, own])) each.register(app)
  if (parts.more !== undefined) app.register(parts.more)
  app.register(async (scope) => refuseOtherMethods(scope, methods_of))

  await app.ready()
  return { app, stores, bus }
}

/** Whether some tenant lists an origin; for preflights, which name no tenant. */
function originLookup(stores: Stores): (origin: string) => Promise<boolean> {
  const cors = systemOrigin('cors')
  return (origin) => stores.platform(() => cors).read((store) => store.tenants.isOriginListed(origin))
}
