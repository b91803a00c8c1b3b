import { codesOfAccess, securityOf } from '../http/openapi.js'
import { PROBLEMS, type ProblemCode } from '../http/problems.js'
import type { DeclaredRoute } from './manifest.js'
import { namesOf } from './template.js'

/** What the gateway itself can answer on the way to an upstream. */
const OF_FORWARDING: readonly ProblemCode[] = [
  'ambiguous_path',
  'body_too_large',
  'unsupported_media_type',
  'upstream_unreachable',
  'upstream_bad_answer',
  'upstream_timeout',
  'upstream_unavailable',
]

type Paths = Record<string, Record<string, unknown>>

/**
 * The operations of upstreams, in OpenAPI. What is said of them is what the gateway does: who may call, and how it
 * refuses. What an upstream answers is its own business.
 */
export function declaredPaths(routes: readonly DeclaredRoute[]): Paths {
  const paths: Paths = {}
  for (const route of routes) {
    const path = pathOf(route.url)
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return paths
}

/** A tag for each upstream. */
export function declaredTags(routes: readonly DeclaredRoute[]): { name: string; description: string }[] {
  const names = [...new Set(routes.map((route) => route.upstream))]
  return names.map((name) => ({ name, description: `The service ${name}, behind the gateway` }))
}

function operationOf({ operation_id, url, method, access, summary, upstream }: DeclaredRoute) {
  const codes = [...new Set([...codesOfAccess(access.kind), ...OF_FORWARDING])]
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))]
  const refusals = statuses.map((status) => [
    status,
    refusalOf(codes.filter((code) => PROBLEMS[code].status === status)),
  ])
  const parameters = [...namesOf(url), ...(url.endsWith('*') ? [restOf(url)] : [])].map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  return {
    operationId: operation_id,
    summary: summary ?? `${method} ${url}`,
    tags: [upstream],
    ...(parameters.length > 0 && { parameters }),
    ...(method !== 'GET' && method !== 'DELETE' && { requestBody: { content: { '*/*': {} } } }),
    security: securityOf(access),
    'x-required-scopes': access.scopes,
    'x-access': access.kind,
    responses: {
      200: { description: `The answer of ${upstream}, as it is`, content: { '*/*': {} } },
      default: { description: `Any other answer of ${upstream}, as it is`, content: { '*/*': {} } },
      ...Object.fromEntries(refusals),
    },
  }
}

function refusalOf(codes: readonly ProblemCode[]) {
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; '),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  }
}

/** OpenAPI has no word for the rest of a path, so it is a parameter that may hold slashes. */
function pathOf(url: string): string {
  return url.replaceAll(/:([a-z][a-z0-9_]*)/g, '{$1}').replace(/\*$/, `{${restOf(url)}}`)
}

function restOf(url: string): string {
  return namesOf(url).includes('rest') ? 'rest_of_path' : 'rest'
}
