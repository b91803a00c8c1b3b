import { type Static, type TSchema, Type } from 'typebox'

/**
 * The form of the manifest: what an operator writes. Everything has a bound, and everything that may be left out has a
 * default, which stands in the schema that editors read. What no schema can say is in check-manifest.ts.
 */
const closed = <T extends Record<string, TSchema>>(properties: T, description: string) =>
  Type.Object(properties, { additionalProperties: false, description })

/** Shorter than the time after which the gateway drops a connection on which nothing moves (60 s). */
const TIMEOUT_MS_MAX = 50_000
const UPSTREAMS_MAX = 100
const ORIGINS_MAX = 32
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
  sockets_per_tenant_max: 100,
  message_bytes_max: 65_536,
} as const

const Scopes = Type.Array(Type.String({ pattern: '^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$', maxLength: 100 }), {
  maxItems: 20,
  uniqueItems: true,
  description: 'All of them are required. An empty list lets in every key and member of a tenant.',
})
const Path = Type.String({
  pattern: '^(/|(/([A-Za-z0-9._~-]+|:[a-z][a-z0-9_]*))*(/\\*?)?)$',
  maxLength: 200,
  description: 'Below the prefix: literal parts, :names for one part each, and * at the end for everything below.',
})
const Timeout = Type.Integer({
  minimum: 50,
  maximum: TIMEOUT_MS_MAX,
  default: DEFAULTS.timeout_ms,
  description: 'How long the answer may let wait for its beginning, and later for its next part.',
})
const Summary = Type.String({ minLength: 1, maxLength: 120, description: 'A line for the OpenAPI document.' })
const Origin = Type.String({
  pattern: '^https?://[^/?#@\\s]+$',
  maxLength: 300,
  description: 'Scheme, host and port, without a path.',
})
const HeaderName = Type.String({ pattern: '^[a-z][a-z0-9-]*$', maxLength: 60, description: 'In lower case.' })
const HeaderNames = Type.Optional(Type.Array(HeaderName, { maxItems: HEADERS_MAX, uniqueItems: true }))

const Route = closed(
  {
    method: Type.Enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], { description: 'HEAD goes with GET.' }),
    path: Path,
    scopes: Scopes,
    summary: Type.Optional(Summary),
    budget: Type.Optional(
      Type.String({
        pattern: '^[1-9][0-9]{0,6}/[1-9][0-9]{0,4}$',
        description: '<requests>/<seconds> of each tenant on this route, beside its other budgets.',
      }),
    ),
    body_bytes_max: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 10_737_418_240, default: DEFAULTS.body_bytes_max }),
    ),
    timeout_ms: Type.Optional(Timeout),
  },
  'A route. What is not declared does not exist.',
)

const Socket = closed(
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
  'A WebSocket.',
)

const UpstreamSchema = closed(
  {
    name: Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$', description: 'Audience of the identity token.' }),
    prefix: Type.String({
      pattern: '^(/[a-z0-9][a-z0-9._-]*){1,4}$',
      maxLength: 100,
      description: 'Where callers find it.',
    }),
    origin: Type.Union([Origin, Type.Array(Origin, { minItems: 1, maxItems: ORIGINS_MAX, uniqueItems: true })]),
    rewrite: Type.Optional(
      Type.String({
        pattern: '^(/|(/[A-Za-z0-9._~-]+)+)$',
        maxLength: 100,
        default: '/',
        description: 'What the upstream sees in place of the prefix.',
      }),
    ),
    scopes: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$' }),
        Type.String({ minLength: 1, maxLength: 200, pattern: '^(?=.*\\S)[^\\u0000-\\u001f\\u007f]*$' }),
        { maxProperties: SCOPES_MAX, additionalProperties: false, description: 'Name and meaning of each new scope.' },
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
        description: 'Further tries of GET, HEAD, PUT and DELETE without a body when a connection fails.',
      }),
    ),
    connections_max: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_024,
        default: DEFAULTS.connections_max,
        description: 'To each origin. One tenant may have half of them.',
      }),
    ),
    breaker: Type.Optional(
      closed(
        {
          failures: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: DEFAULTS.breaker.failures })),
          open_ms: Type.Optional(Type.Integer({ minimum: 100, maximum: 600_000, default: DEFAULTS.breaker.open_ms })),
        },
        'After so many failures in a row an origin is left alone for a while; then one request tries it.',
      ),
    ),
    health: Type.Optional(
      closed(
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
        'Each origin is asked now and then; one that does not answer 2xx or 3xx gets no requests.',
      ),
    ),
    tls: Type.Optional(
      closed(
        { ca: Type.String({ minLength: 1, maxLength: 500, description: 'A file of certificates (PEM).' }) },
        'Certificates are always verified; this says against what, instead of the usual authorities.',
      ),
    ),
    headers: Type.Optional(
      closed(
        { request: HeaderNames, response: HeaderNames },
        'Headers that pass beside the usual ones. CORS headers (access-control-*) of the service take the place of those of the gateway, so that the service decides for its answers which pages may read them, and no longer the tenants. Preflights are answered by the gateway all the same.',
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

/** What stands in the file. */
export type WrittenManifest = Static<typeof ManifestSchema>
export type WrittenUpstream = WrittenManifest['upstreams'][number]
