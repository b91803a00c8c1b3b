import type { AccessKind } from '../../src/kernel/authz/demand.js'
import { type GuardedRoute, parametersOf } from './route-table.js'

/** The parts of an OpenAPI document that the guard reads. */
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly operationId?: string
  readonly security?: readonly Readonly<Record<string, unknown>>[]
  readonly 'x-required-scopes'?: readonly string[]
  readonly responses?: Readonly<Record<string, Response>>
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
}

interface Response {
  readonly $ref?: string
  readonly description?: string
  readonly content?: Readonly<Record<string, { readonly schema?: { readonly $ref?: string } }>>
}

const RESPONSES = '#/components/responses/'

/** Reads a document of the gateway. Each response that it shares stands in every operation that refers to it. */
export function readContract(served: unknown): Document {
  const { components } = served as { components: { responses: Readonly<Record<string, unknown>> } }
  const text = JSON.stringify(served, (_name, value) => {
    const reference: unknown = value?.$ref
    if (typeof reference !== 'string' || !reference.startsWith(RESPONSES)) return value
    return components.responses[reference.slice(RESPONSES.length)]
  })
  return JSON.parse(text) as Document
}

/** The security requirements of each access, as OpenAPI names them. A caller must satisfy one of the lists. */
const SECURITY: Readonly<Record<AccessKind, readonly (readonly string[])[]>> = {
  open: [],
  user: [['access_token']],
  member: [['access_token']],
  tenant: [
    ['tenant_id', 'tenant_key', 'access_token'],
    ['tenant_id', 'tenant_key'],
  ],
  operator: [['access_token']],
}

/** The statuses that each access can return before a handler runs. A generated client needs them. */
const OF_ACCESS: Readonly<Record<AccessKind, readonly number[]>> = {
  open: [],
  user: [401],
  member: [401, 403],
  tenant: [401, 403],
  operator: [401, 403],
}
const OF_EVERY_ROUTE = [400, 429, 431, 500, 503]

/** Returns the differences between the document and the routes. */
export function contractViolations(routes: readonly GuardedRoute[], document: Document): string[] {
  const violations: string[] = []
  const operation_ids = new Map<string, string>()
  for (const route of routes) {
    const say = (text: string) => violations.push(`${route.name}: ${text}`)
    const path = route.url.replaceAll(/:([a-z_]+)/g, '{$1}')
    const operation = document.paths[path]?.[route.method.toLowerCase()]
    if (operation === undefined) {
      say('is not in the document')
      continue
    }
    const { operationId } = operation
    if (operationId === undefined) say('has no operationId')
    else if (operation_ids.has(operationId)) say(`shares its operationId with ${operation_ids.get(operationId)}`)
    else operation_ids.set(operationId, route.name)

    const { access } = route
    const security = (operation.security ?? []).map((requirement) => Object.keys(requirement))
    const takes_ticket = access.kind === 'tenant' && access.takes_ticket === true
    const demanded = [...SECURITY[access.kind], ...(takes_ticket ? [['ticket']] : [])]
    if (JSON.stringify(security) !== JSON.stringify(demanded)) say(`security ${JSON.stringify(security)}`)
    if (JSON.stringify(operation['x-required-scopes']) !== JSON.stringify(access.scopes)) say('x-required-scopes')
    const documented = (operation.parameters ?? []).filter((each) => each.in === 'path').map((each) => each.name)
    for (const name of parametersOf(route.url)) if (!documented.includes(name)) say(`parameter ${name}`)
    for (const text of wrongResponses(operation.responses ?? {}, access.kind)) say(text)
  }
  return violations
}

function wrongResponses(responses: NonNullable<Operation['responses']>, kind: AccessKind): string[] {
  const statuses = Object.keys(responses).map(Number)
  const missing = [...OF_EVERY_ROUTE, ...OF_ACCESS[kind]].filter((status) => !statuses.includes(status))
  const wrong = missing.map((status) => `does not declare ${status}`)
  if (!statuses.some((status) => status >= 200 && status < 300)) wrong.push('declares no success')
  for (const [status, response] of Object.entries(responses)) {
    if (!(Number(status) >= 400)) continue
    const problem = response.content?.['application/problem+json']?.schema?.$ref
    if (problem !== '#/components/schemas/Problem') wrong.push(`${status} is no problem: ${JSON.stringify(response)}`)
  }
  return wrong
}
