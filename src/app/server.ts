import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerFactory, LogController } from 'fastify'
import { LOWER_CASE_UUID } from '../kernel/ids/uuid.js'
import { BUILT_IN_SCOPES, type ScopesNow } from '../kernel/permissions/scope-catalogue.js'
import { clientErrorHandler, requestIdOf } from '../kernel/problems/client-errors.js'
import { checkEncoding, decodeUtf8, parseJsonBody } from '../kernel/rest/json-body.js'
import { routable } from '../kernel/rest/urls.js'
import { GatewayRequest } from '../kernel/sockets/handshake.js'
import { isInstant } from '../kernel/time/instants.js'
import { sharingCompilers } from './http/compilers.js'
import { REQUEST_MS_MAX } from './http/deadlines.js'
import { createOrderedServer, inItsTurn } from './http/one-at-a-time.js'
import type { Parts } from './parts.js'

const BODY_BYTES_MAX = 262_144
/** Longer than any database statement may take. */
const CONNECTION_IDLE_MS = 60_000
const KEEP_ALIVE_MS = 72_000
/** Longer than Node allows a URL to be. The router would refuse a longer parameter outside of the pipeline. */
const ROUTER_PARAMETER_CHARACTERS_MAX = 65_536

/** Creates the server of the gateway: Fastify with the limits, the schema rules and the one body parser of the gateway. */
export function createServer(parts: Parts, scopesNow: ScopesNow): FastifyInstance {
  const { config, upstreams } = parts
  const app = fastify({
    logger: parts.logger ?? false,
    // The gateway writes one line for each request, with the fields of logging.ts. Fastify's own two lines are off.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: requestIdOf,
    trustProxy: config.trusted_proxies.length > 0 ? [...config.trusted_proxies] : false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    connectionTimeout: CONNECTION_IDLE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: false,
    rewriteUrl: routable,
    routerOptions: { maxParamLength: ROUTER_PARAMETER_CHARACTERS_MAX },
    // Node would refuse a request without Host with an empty response. The first row of the table refuses it with a problem.
    http: { requireHostHeader: false, IncomingMessage: GatewayRequest },
    clientErrorHandler: inItsTurn(clientErrorHandler(config.public_url)),
    serverFactory: createOrderedServer as FastifyServerFactory,
    // In production the first requests are those of users, and no schema may fail one of them.
    schemaController: parts.compilers ?? sharingCompilers({ lazily: !config.production }),
    // A schema accepts input unchanged or refuses it: it removes no field, converts no type and fills in no default.
    ajv: {
      customOptions: {
        removeAdditional: false,
        coerceTypes: false,
        useDefaults: false,
        allErrors: false,
        allowUnionTypes: true,
        keywords: ['x-documented-as', 'x-message'],
        // The error then names the schema, which says in words what it takes.
        verbose: true,
        formats: { scope: upstreams === undefined ? BUILT_IN_SCOPES.has : (text: string) => scopesNow().has(text) },
      },
      onCreate: (ajv) => ajv.addFormat('date-time', isInstant).addFormat('uuid', LOWER_CASE_UUID),
    },
  }).withTypeProvider<TypeBoxTypeProvider>()
  // By default Node drops header lines beyond a number without an error. The first row of the table counts all of them.
  app.server.maxHeadersCount = 0
  app.decorate('own_origin', new URL(config.public_url).origin)
  acceptOnlyJson(app)
  return app as unknown as FastifyInstance
}

/** Replaces the parsers of Fastify by one that gives a JSON text one meaning, or refuses it. */
function acceptOnlyJson(app: Pick<FastifyInstance, 'removeAllContentTypeParsers' | 'addContentTypeParser'>): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: string | Buffer) => {
      checkEncoding(request)
      return body.length === 0 ? undefined : parseJsonBody(decodeUtf8(body as Buffer))
    },
  )
}
