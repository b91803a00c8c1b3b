import { type Static, type TSchema, Type } from 'typebox'
import { strictObject } from '../../../kernel/rest/schemas.js'

/**
 * The schema of the manifest that an operator writes. Every value has a bound. Every optional value has a default, and
 * the default is in the JSON Schema that editors read. check-manifest.ts checks the rules that a schema cannot express.
 */
const section = <T extends Record<string, TSchema>>(properties: T, description: string) =>
  strictObject(properties, { description })

/** Shorter than the 60 s after which the gateway closes an idle connection. */
const TIMEOUT_MS_MAX = 50_000
const UPSTREAMS_MAX = 100
const ORIGINS_MAX = 32
/** A stream that stays silent for longer than an hour is as good as lost. */
const STREAM_IDLE_MS_MAX = 3_600_000
const ROUTES_MAX = 500
const SCOPES_MAX = 100
const HEADERS_MAX = 50

export const DEFAULTS = {
  timeout_ms: 10_000,
  retries: 1,
  /** As for the gateway's own routes. */
  body_bytes_max: 262_144,
  connections_max: 256,
  breaker: { failures: 5, open_ms: 10_000 },
  health: { interval_ms: 10_000, timeout_ms: 2_000, failures: 2 },
  stream: { idle_ms_max: 120_000, connections_per_tenant_max: 100 },
  sockets_per_tenant_max: 100,
  message_bytes_max: 65_536,
} as const

const Scopes = Type.Array(Type.String({ pattern: '^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$', maxLength: 100 }), {
  maxItems: 20,
  uniqueItems: true,
  description:
    'The caller must hold all of these scopes. With an empty list, every key and every member of a tenant may call.',
})
const Path = Type.String({
  pattern: '^(/|(/([A-Za-z0-9._~-]+|:[a-z][a-z0-9_]*))*(/\\*?)?)$',
  maxLength: 200,
  description:
    'The path below the prefix: literal segments, :name for one segment, and * at the end for all segments below.',
})
const Timeout = Type.Integer({
  minimum: 50,
  maximum: TIMEOUT_MS_MAX,
  default: DEFAULTS.timeout_ms,
  description: 'Time allowed until the first byte of the response, and between later chunks.',
})
const Summary = Type.String({ minLength: 1, maxLength: 120, description: 'One line for the OpenAPI document.' })
const Origin = Type.String({
  pattern: '^https?://[^/?#@\\s]+$',
  maxLength: 300,
  description: 'Scheme, host and port, without a path.',
})
const HeaderName = Type.String({
  pattern: '^[a-z][a-z0-9-]*$',
  maxLength: 60,
  description: 'The name of a header, in lower case.',
})
const HeaderNames = Type.Optional(Type.Array(HeaderName, { maxItems: HEADERS_MAX, uniqueItems: true }))

const Stream = section(
  {
    idle_ms_max: Type.Optional(
      Type.Integer({
        minimum: 1_000,
        maximum: STREAM_IDLE_MS_MAX,
        default: DEFAULTS.stream.idle_ms_max,
        description: 'Time allowed between two chunks of the response. timeout_ms is the time until the first byte.',
      }),
    ),
    connections_per_tenant_max: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, default: DEFAULTS.stream.connections_per_tenant_max }),
    ),
  },
  'The response stays open, such as server-sent events. It uses a connection of its own, which does not count for connections_max. It ends when the caller loses access.',
)

const Route = section(
  {
    method: Type.Enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], { description: 'A route with GET accepts HEAD too.' }),
    path: Path,
    scopes: Scopes,
    summary: Type.Optional(Summary),
    budget: Type.Optional(
      Type.String({
        pattern: '^[1-9][0-9]{0,6}/[1-9][0-9]{0,4}$',
        description: '<requests>/<seconds> for each tenant on this route, in addition to its other budgets.',
      }),
    ),
    body_bytes_max: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 10_737_418_240,
        default: DEFAULTS.body_bytes_max,
        description: 'The longest body. A DELETE route without this field takes no body, and GET never takes one.',
      }),
    ),
    timeout_ms: Type.Optional(Timeout),
    stream: Type.Optional(Stream),
    encoded: Type.Optional(
      Type.Array(Type.Enum(['/', ';', '%']), {
        minItems: 1,
        uniqueItems: true,
        description:
          'Characters that a path may hold in encoded form (%2F, %3B, %25) below a wildcard. The gateway refuses a path that belongs to another route in one of the ways in which servers decode it.',
      }),
    ),
  },
  'A route of the service. The gateway answers 404 for a route that is not declared.',
)

const Socket = section(
  {
    path: Path,
    scopes: Scopes,
    summary: Type.Optional(Summary),
    timeout_ms: Type.Optional(Timeout),
    connections_per_tenant_max: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, default: DEFAULTS.sockets_per_tenant_max }),
    ),
    message_bytes_max: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 16_777_216, default: DEFAULTS.message_bytes_max }),
    ),
  },
  'A WebSocket of the service. The gateway relays its frames.',
)

const UpstreamSchema = section(
  {
    name: Type.String({
      pattern: '^[a-z][a-z0-9-]{0,39}$',
      description: 'The name of the service. It is the audience of the identity token.',
    }),
    prefix: Type.String({
      pattern: '^(/[a-z0-9][a-z0-9._-]*){1,4}$',
      maxLength: 100,
      description: 'The path prefix of the service at the gateway.',
    }),
    origin: Type.Union([Origin, Type.Array(Origin, { minItems: 1, maxItems: ORIGINS_MAX, uniqueItems: true })]),
    rewrite: Type.Optional(
      Type.String({
        pattern: '^(/|(/[A-Za-z0-9._~-]+)+)$',
        maxLength: 100,
        default: '/',
        description: 'The path that replaces the prefix in requests to the service.',
      }),
    ),
    scopes: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$' }),
        Type.String({ minLength: 1, maxLength: 200, pattern: '^(?=.*\\S)[^\\u0000-\\u001f\\u007f]*$' }),
        {
          maxProperties: SCOPES_MAX,
          additionalProperties: false,
          description: 'The name and the meaning of each scope that the service adds.',
        },
      ),
    ),
    routes: Type.Optional(Type.Array(Route, { maxItems: ROUTES_MAX })),
    websockets: Type.Optional(Type.Array(Socket, { maxItems: ROUTES_MAX })),
    timeout_ms: Type.Optional(Timeout),
    retries: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 3,
        default: DEFAULTS.retries,
        description:
          'How often the gateway repeats a handshake, or a GET, HEAD, PUT or DELETE without a body, after a connection broke. If an origin accepts no connection, the other origins are tried in any case.',
      }),
    ),
    connections_max: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_024,
        default: DEFAULTS.connections_max,
        description: 'The maximum number of connections to each origin. One tenant may use half of them.',
      }),
    ),
    breaker: Type.Optional(
      section(
        {
          failures: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: DEFAULTS.breaker.failures })),
          open_ms: Type.Optional(Type.Integer({ minimum: 100, maximum: 600_000, default: DEFAULTS.breaker.open_ms })),
        },
        'After this many failed connections in a row, the gateway sends no requests to the origin for open_ms. Then it sends one trial request. Timeouts and broken responses count if at least 20 requests, or as many as failures, were sent within 10 s, half of them failed, and they were of several tenants.',
      ),
    ),
    health: Type.Optional(
      section(
        {
          path: Type.String({ pattern: '^/[A-Za-z0-9._~/?=&-]*$', maxLength: 200 }),
          interval_ms: Type.Optional(
            Type.Integer({ minimum: 100, maximum: 600_000, default: DEFAULTS.health.interval_ms }),
          ),
          timeout_ms: Type.Optional(
            Type.Integer({ minimum: 50, maximum: 30_000, default: DEFAULTS.health.timeout_ms }),
          ),
          failures: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: DEFAULTS.health.failures })),
        },
        'The gateway requests this path from each origin at this interval. An origin that does not answer 2xx or 3xx gets no other requests.',
      ),
    ),
    tls: Type.Optional(
      section(
        { ca: Type.String({ minLength: 1, maxLength: 500, description: 'A file of certificates in PEM form.' }) },
        'The gateway always verifies the certificate of the service. ca replaces the certificate authorities that Node trusts.',
      ),
    ),
    headers: Type.Optional(
      section(
        { request: HeaderNames, response: HeaderNames },
        'Headers that the gateway forwards in addition to the default ones. If you list CORS headers (access-control-*), those of the service replace those of the gateway, so the service decides which pages may read its responses. The gateway still answers preflight requests.',
      ),
    ),
  },
  'A service behind the gateway.',
)

export const ManifestSchema = Type.Object(
  { upstreams: Type.Array(UpstreamSchema, { maxItems: UPSTREAMS_MAX }) },
  {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Upstreams of Gatehouse (UPSTREAMS_FILE)',
    additionalProperties: false,
  },
)

/** The manifest as it is in the file: optional values may be missing. */
export type WrittenManifest = Static<typeof ManifestSchema>
export type WrittenUpstream = WrittenManifest['upstreams'][number]
