import { PROBLEMS, type ProblemCode } from '../../contract/problems/catalogue.js'
import type { AccessRules } from '../../kernel/authz/access-rules.js'
import { codesOfAccess, securityOf } from '../../kernel/request/access-contract.js'
import type { DeclaredOperation, DeclaredRoute, DeclaredSocket } from './manifest/manifest.js'
import { namesOf } from './manifest/template.js'

/** The problems of the gateway while it forwards a request. */
const OF_FORWARDING: readonly ProblemCode[] = [
  'ambiguous_path',
  'malformed_request',
  'request_timeout',
  'body_too_large',
  'unsupported_media_type',
  'upstream_unreachable',
  'upstream_bad_answer',
  'upstream_timeout',
  'upstream_unavailable',
]

/** The problems of a handshake that are HTTP responses. Others are close codes (see `streamConversation`). */
const OF_HANDSHAKES: readonly ProblemCode[] = [
  'ambiguous_path',
  'upgrade_required',
  'upstream_unreachable',
  'upstream_bad_answer',
  'upstream_no_web_socket',
  'upstream_refused_caller',
  'upstream_rate_limited',
  'upstream_busy',
  'upstream_timeout',
  'upstream_unavailable',
  'too_many_connections',
]

type Paths = Record<string, Record<string, unknown>>

/**
 * Returns the operations of upstreams in OpenAPI. They document who may call and the problems of the gateway. The responses of
 * an upstream are not described.
 */
export function declaredPaths(operations: readonly DeclaredOperation[], rules: AccessRules): Paths {
  const paths: Paths = {}
  for (const each of operations) {
    const path = pathOf(each.url)
    // If a GET route and a WebSocket have the same path, OpenAPI can describe only one of them.
    if ('method' in each) paths[path] = { ...paths[path], [each.method.toLowerCase()]: routeIn(each, rules) }
    else paths[path] = { get: socketIn(each, rules), ...paths[path] }
  }
  return paths
}

/** Returns a tag for each upstream. */
export function declaredTags(operations: readonly DeclaredOperation[]): { name: string; description: string }[] {
  const names = [...new Set(operations.map(({ upstream }) => upstream))]
  return names.map((name) => ({ name, description: `The service ${name}, behind the gateway` }))
}

function routeIn(route: DeclaredRoute, rules: AccessRules) {
  const { method, url, summary, access, upstream } = route
  return {
    ...operationOf(route),
    summary: summary ?? `${method} ${url}`,
    ...(method !== 'GET' && route.body_bytes_max !== undefined && { requestBody: { content: { '*/*': {} } } }),
    responses: {
      200: { description: `The response of ${upstream}, unchanged`, content: { '*/*': {} } },
      default: { description: `Any other response of ${upstream}, unchanged`, content: { '*/*': {} } },
      ...refusalsOf([
        ...codesOfAccess(rules, access, false),
        ...OF_FORWARDING,
        ...(route.stream === undefined ? [] : ['too_many_connections' as const]),
      ]),
    },
  }
}

function socketIn(socket: DeclaredSocket, rules: AccessRules) {
  const { url, summary, access, upstream } = socket
  return {
    ...operationOf(socket),
    summary: summary ?? `WebSocket ${url}`,
    description:
      'A WebSocket (RFC 6455): the handshake is checked like any request, with the same headers. Refused, it is accepted and closed with a code that says why, as for `streamConversation`; where the service refuses it, the answer is HTTP: 429 and 503 with Retry-After if the service asks to retry, else 502.',
    responses: {
      101: { description: `The gateway relays the frames of ${upstream}` },
      ...refusalsOf([...codesOfAccess(rules, access, false), ...OF_HANDSHAKES]),
    },
  }
}

/** The parts that a route and a WebSocket have in common. */
function operationOf({ operation_id, url, access, upstream }: DeclaredOperation) {
  const names = [...namesOf(url), ...(url.endsWith('*') ? [restOf(url)] : [])]
  const parameters = names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
  return {
    operationId: operation_id,
    tags: [upstream],
    ...(parameters.length > 0 && { parameters }),
    security: securityOf(access),
    'x-required-scopes': access.scopes,
    'x-access': access.kind,
  }
}

function refusalsOf(all: readonly ProblemCode[]) {
  const codes = [...new Set(all)]
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))]
  return Object.fromEntries(
    statuses.map((status) => [status, refusalOf(codes.filter((code) => PROBLEMS[code].status === status))]),
  )
}

function refusalOf(codes: readonly ProblemCode[]) {
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; '),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  }
}

/** Converts a template to OpenAPI, which has no wildcard: the rest of a path is a parameter that may contain slashes. */
function pathOf(url: string): string {
  return url.replaceAll(/:([a-z][a-z0-9_]*)/g, '{$1}').replace(/\*$/, `{${restOf(url)}}`)
}

function restOf(url: string): string {
  return namesOf(url).includes('rest') ? 'rest_of_path' : 'rest'
}
