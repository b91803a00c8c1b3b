import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import type { TSchema } from 'typebox'
import type { ProblemCode } from '../../contract/problems/catalogue.js'
import { SCOPES } from '../../contract/scopes.js'
import type { AccessRules } from '../../kernel/authz/access-rules.js'
import { PageResponse } from '../../kernel/pages/pages.js'
import { type Access, open } from '../../kernel/request/access.js'
import { codesOfAccess, securityOf } from '../../kernel/request/access-contract.js'
import { isCreating } from '../../kernel/request/creating.js'
import { PROBLEM_SCHEMA, problems } from '../../kernel/rest/schemas.js'
import type { Pipeline } from '../pipeline/install.js'
import { checkTags, TAGS } from './tags.js'

const DESCRIPTION = `Gatehouse is a multi-tenant API gateway. Data plane routes take \`X-TENANT-ID\` and \`X-TENANT-API-KEY\`, and the access token of a user unless the key itself holds the scopes. Management routes take an access token and a tenant id in the path. Every refusal is a problem (RFC 9457) whose \`type\` is a page that explains it.`

type Content = Record<string, unknown>

const OF_CREATING: ProblemCode[] = ['idempotency_in_progress', 'idempotency_answer_lost', 'idempotency_mismatch']
const OF_BODIES: ProblemCode[] = ['request_timeout', 'body_too_large', 'unsupported_media_type']

/** Returns every problem code of a route: from its access, from its shape, and its own. */
function codesOf(route: RouteOptions, access: Access, rules: AccessRules): ProblemCode[] {
  const own = Object.values((route.schema?.response ?? {}) as Record<string, { 'x-problem-codes'?: ProblemCode[] }>)
  const has_parameters = route.url.includes(':')
  const has_body = ['POST', 'PUT', 'PATCH', 'DELETE'].some((method) => [route.method].flat().includes(method))
  return [
    ...codesOfAccess(rules, access, has_parameters),
    ...(has_body ? OF_BODIES : []),
    ...(has_body
      ? [route.config?.page === undefined ? ('malformed_json' as const) : ('cross_site_request' as const)]
      : []),
    ...(isCreating(route) ? OF_CREATING : []),
    ...(has_parameters ? (['not_found'] as const) : []),
    ...own.flatMap((response) => response['x-problem-codes'] ?? []),
  ]
}

/**
 * Completes the schema of each route from its access line: security, required scopes, and every problem of its responses.
 * It also makes the query strict, so that an unknown parameter is refused.
 */
export function completeSchemas(app: FastifyInstance, rules: AccessRules): void {
  app.addSchema(PROBLEM_SCHEMA)
  app.addHook('onRoute', (route) => {
    const access = route.config?.access as Access
    const schema = (route.schema ?? {}) as FastifySchema & Content
    const responses = (schema.response ?? {}) as Record<string, TSchema>
    const refusals = problems(...new Set(codesOf(route, access, rules)))
    const kept = Object.fromEntries(Object.entries(responses).filter(([, value]) => !('x-problem-codes' in value)))
    route.schema = {
      ...schema,
      querystring: schema.querystring ?? { type: 'object', properties: {}, additionalProperties: false },
      security: securityOf(access),
      'x-required-scopes': access.scopes,
      'x-access': access.kind,
      response: { ...kept, ...(route.config?.page === undefined ? refusals : orPages(refusals)) },
    } as FastifySchema
  })
}

/** The refusals of a page: a browser receives each as a page, and a program as a problem. */
function orPages(refusals: Record<string, TSchema>): Record<string, TSchema> {
  const entries = Object.entries(refusals) as [string, TSchema & { content: Content }][]
  return Object.fromEntries(
    entries.map(([status, refusal]) => [
      status,
      { ...refusal, content: { ...refusal.content, ...PageResponse.content } },
    ]),
  )
}

/** Generates the OpenAPI document from the routes that are registered after it. */
export async function installOpenApi(app: FastifyInstance, pipeline: Pipeline): Promise<void> {
  checkTags(app)
  await pipeline.admit(open().access, () =>
    app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Gatehouse',
          version: '1.0.0',
          description: DESCRIPTION,
          license: { name: 'MIT', identifier: 'MIT' },
        },
        servers: [{ url: '/' }],
        tags: [...TAGS],
        components: { securitySchemes: SECURITY_SCHEMES },
      },
      refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `def-${index}`) },
      transform: ({ schema, url, route }) => ({ schema: documented(schema, route as unknown as RouteOptions), url }),
    }),
  )
}

const SECURITY_SCHEMES = {
  access_token: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: `Access token of POST /v1/auth/login. Scopes are read at each request: ${Object.keys(SCOPES).join(', ')}.`,
  },
  tenant_id: { type: 'apiKey', in: 'header', name: 'X-TENANT-ID', description: 'The id of the tenant' },
  tenant_key: { type: 'apiKey', in: 'header', name: 'X-TENANT-API-KEY', description: 'A key of the tenant' },
  ticket: {
    type: 'apiKey',
    in: 'query',
    name: 'token',
    description: 'A ticket of POST /v1/conversations/{id}/tickets: works once, for 30 seconds, for that conversation.',
  },
} as const

/** Only for the document: the code that reads the header checks it. */
const CREATING_HEADERS = {
  type: 'object',
  properties: {
    'Idempotency-Key': {
      type: 'string',
      pattern: '^[!-~]{1,255}$',
      description:
        'A repeated request with the same key gets the same response for 24 hours, with `Idempotency-Replayed: true`. The object is created once.',
    },
  },
}

/** Documents a limit as an integer, and values with commas between them as an array. In the URL they are text. */
function documented(schema: FastifySchema | undefined, route: RouteOptions): FastifySchema {
  const described = withoutMessages(schema ?? {}) as FastifySchema & {
    querystring?: { properties?: Record<string, Content>; explode?: boolean }
  }
  const properties = described.querystring?.properties ?? {}
  for (const [name, property] of Object.entries(properties)) {
    if (property['x-documented-as'] !== undefined) {
      const { 'x-documented-as': documented_as, pattern: _pattern, ...rest } = property
      properties[name] = { ...rest, ...(documented_as as Content) }
      // The plugin reads from the schema of the whole query how its arrays are written: with commas.
      if (properties[name]?.type === 'array' && described.querystring) described.querystring.explode = false
    }
  }
  if (Object.keys(properties).length === 0) delete described.querystring
  if (isCreating(route)) described.headers = CREATING_HEADERS
  // Routes that only answer 405 are not part of the contract.
  return route.url === '*' ? ({ ...described, hide: true } as FastifySchema) : described
}

/** Copies a schema without what is for refusals only. */
function withoutMessages(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutMessages)
  if (typeof schema !== 'object' || schema === null) return schema
  const kept = Object.entries(schema).filter(([name]) => name !== 'x-message')
  return Object.fromEntries(kept.map(([name, value]) => [name, withoutMessages(value)]))
}
