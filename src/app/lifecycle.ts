import type { FastifyInstance } from 'fastify'
import type { Config } from '../kernel/config/config.js'
import { openSeal } from '../kernel/credentials/seal.js'
import { checkUndeclaredBody } from '../kernel/rest/undeclared-body.js'
import { checkParameters } from '../kernel/rest/urls.js'
import { installWebSockets, socketRefuser } from '../kernel/sockets/web-sockets.js'
import { systemOrigin } from '../kernel/store/audit-record.js'
import type { Stores } from './composition/stores.js'
import { installCors } from './http/cors.js'
import { installDeadlines } from './http/deadlines.js'
import { installErrorHandler } from './http/error-handler.js'
import { answerExpectations } from './http/expectations.js'
import { installHeaders } from './http/headers.js'
import { installIdempotency } from './http/idempotency.js'
import { sendInPieces } from './http/large-responses.js'
import { refuseUnrouted } from './http/methods.js'
import { lookingForProxy } from './http/observe.js'
import { refuseExcess } from './http/one-at-a-time.js'
import type { Pipeline } from './pipeline/install.js'
import type { Services } from './services.js'

/**
 * The hooks of Fastify in the order in which a request meets them. For each hook, those of the gateway run before those of
 * the route.
 */
export const HOOKS = [
  'onRequest',
  'onRequest of the route',
  'preParsing',
  'preValidation',
  'preValidation of the route',
  'preHandler of the route',
  'onSend of the route',
  'error handler',
  'onResponse',
] as const
export type Hook = (typeof HOOKS)[number]

/** What a stage can use. */
export interface LifecycleContext
  extends Pick<Services, 'clock' | 'isDraining' | 'observe' | 'signing_keys' | 'stores' | 'upstreams'> {
  readonly config: Config
  readonly pipeline: Pipeline
}

/** One part of the lifecycle of a request, in one hook or in several. */
export interface Stage {
  readonly name: string
  /** Each hook that the stage adds, with one sentence: what it does there. */
  readonly hooks: Partial<Readonly<Record<Hook, string>>>
  /** Why the stage has its place in the list. */
  readonly place: string
  install(app: FastifyInstance, context: LifecycleContext): void | Promise<void>
}

/**
 * Everything that runs for a request outside of its handler, and outside of the rows of the table. The gateway installs the
 * stages in this order. Within one hook Fastify runs them in this order too.
 */
export const LIFECYCLE: readonly Stage[] = [
  {
    name: 'headers',
    hooks: {
      onRequest:
        'Sets `X-Request-ID` and the security headers of every response, and closes connections while the gateway stops.',
    },
    place: 'Before any stage that can refuse the request.',
    install: (app, { isDraining }) => installHeaders(app, isDraining),
  },
  {
    name: 'pipelining',
    hooks: { onRequest: 'Refuses the first request beyond 16 that wait for their turn on one connection.' },
    place: 'After the headers, because it is the first stage that refuses a request.',
    install: refuseExcess,
  },
  {
    name: 'deadline',
    hooks: {
      onRequest:
        'Starts the deadlines: the request must arrive within 30 s, or the gateway answers 408. The handler must respond within 20 s after that, or the gateway answers 503.',
      onResponse: 'Ends the deadline.',
    },
    place: 'Before any stage that can wait for something.',
    install: installDeadlines,
  },
  {
    name: 'expectation',
    hooks: { preParsing: 'Sends `100 Continue`. A refused client never receives it, so it does not send its body.' },
    place: 'Anywhere: preParsing runs after every onRequest hook, so after the table.',
    install: answerExpectations,
  },
  {
    name: 'parameters',
    hooks: {
      preValidation:
        'Refuses parameters with characters that PostgreSQL cannot store, and a body that the route does not take.',
    },
    place: 'Anywhere: no other stage has this hook.',
    install: (app) =>
      void app.addHook('preValidation', async (request) => {
        checkParameters(request)
        checkUndeclaredBody(request)
      }),
  },
  {
    name: 'observation',
    hooks: { onResponse: 'Writes one log line, the metrics, the usage, and the sampled audit of refusals.' },
    place: 'After the deadline: both are at the end of the response.',
    install: (app, { observe, config }) => {
      const lookForProxy = config.trusted_proxies.length === 0 ? lookingForProxy() : undefined
      app.addHook('onResponse', (request, reply, done) => {
        observe(request, reply.statusCode, reply.elapsedTime)
        lookForProxy?.(request)
        done()
      })
    },
  },
  {
    name: 'sockets',
    hooks: {
      onRequest: 'Marks WebSocket handshakes.',
      onResponse: 'Destroys the connection of a handshake that got a response.',
    },
    place: 'Before any stage that can refuse a handshake, because a refusal is the close code of a socket.',
    install: (app, { config, observe }) => installWebSockets(app, config.public_url, observe),
  },
  {
    name: 'errors',
    hooks: { 'error handler': 'Turns any error into a problem. The response contains only what the problem says.' },
    place: 'Before any stage that can throw.',
    install: (app, { config, observe }) => installErrorHandler(app, config.public_url, socketRefuser(app, observe)),
  },
  {
    name: 'table',
    hooks: {
      onRequest: 'Runs the rows of every column: the form of the request, and the budget of the client address.',
      'onRequest of the route': 'Runs the column of the route: who is the caller, and may they.',
      'preValidation of the route': 'Decides again on new facts if the body took longer than 250 ms.',
    },
    place: 'Before CORS, because CORS can query the database: the budget of the client address is spent first.',
    install: (app, { pipeline }) => pipeline.install(app),
  },
  {
    name: 'pieces',
    hooks: {
      'onSend of the route': 'Sends a large response of an open route in pieces, with other requests in between.',
    },
    place: 'After the table, because the table decides which access a route of a manifest has.',
    install: sendInPieces,
  },
  {
    name: 'idempotency',
    hooks: {
      'preHandler of the route': 'Returns the stored response of a repeated `Idempotency-Key`.',
      'onSend of the route': 'Stores the response of a create request, encrypted.',
    },
    place: 'After the table, because a stored response belongs to a principal.',
    install: (app, { signing_keys }) => installIdempotency(app, openSeal(signing_keys, 'gatehouse idempotent answers')),
  },
  {
    name: 'CORS',
    hooks: { onRequest: 'Answers preflights and sets the CORS headers.' },
    place: 'Before the refusal of unknown paths: a page must be able to read that refusal.',
    install: (app, { pipeline, config, stores, upstreams, clock }) => {
      const upstreamAt = (path: string) => upstreams?.current().upstreamAt(path)
      return installCors(app, pipeline, config.cors_origins, originLookup(stores), upstreamAt, clock)
    },
  },
  {
    name: 'unrouted',
    hooks: { onRequest: 'Refuses a request that no route matches with 404.' },
    place: 'Last: an unknown path spends budgets and gets headers like any other.',
    install: refuseUnrouted,
  },
]

/** Installs the stages of a list. Call it before any route is registered. */
export async function installLifecycle(
  app: FastifyInstance,
  stages: readonly Stage[],
  context: LifecycleContext,
): Promise<void> {
  for (const stage of stages) await stage.install(app, context)
}

/** Returns whether some tenant lists an origin. For preflights, which name no tenant. */
function originLookup(stores: Stores): (origin: string) => Promise<boolean> {
  const cors = systemOrigin('cors')
  return (origin) => stores.platform(() => cors).read((store) => store.tenants.isOriginListed(origin))
}
