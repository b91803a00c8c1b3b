import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { stringify } from 'yaml'
import type { DeclaredOperation } from '../../features/upstreams/manifest/manifest.js'
import { declaredPaths, declaredTags } from '../../features/upstreams/openapi.js'
import type { AccessRules } from '../../kernel/authz/access-rules.js'
import { lazy } from '../../kernel/lazy.js'
import { BUILT_IN_SCOPES, type ScopeCatalogue } from '../../kernel/permissions/scope-catalogue.js'

/** The parts of an OpenAPI document that the gateway reads. */
export interface OpenApiDocument {
  readonly components?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly tags?: readonly { readonly name: string; readonly description?: string }[]
}

/** The contract of this moment: the routes of the gateway, those that upstreams declare, and every scope that there is. */
export interface OpenApi {
  /** The document as JSON. Like the YAML it is built once for each manifest, so that a request for it costs little. */
  json(): Buffer
  /**
   * The document as YAML. Without PUBLIC_URL it is equal to openapi.yaml for the same routes. To write it takes hundreds of
   * milliseconds. Other requests run in between.
   */
  yaml(): Promise<Buffer>
}

/** What a manifest adds to the contract. */
interface Declared {
  readonly operations: readonly DeclaredOperation[]
  readonly scopes: ScopeCatalogue
}

interface Built {
  readonly declared: Declared
  readonly json: () => Buffer
  readonly yaml: () => Promise<Buffer>
}

const YAML = { strict: false }
const NONE: Declared = { operations: [], scopes: BUILT_IN_SCOPES }

/** Describes the routes of a gateway. The document is built once for each manifest. */
export function describeRoutes(
  app: FastifyInstance,
  rules: AccessRules,
  declaredNow: () => Declared | undefined,
  public_url: string,
): OpenApi {
  let built: Built | undefined
  const current = (): Built => {
    const declared = declaredNow() ?? NONE
    if (built?.declared !== declared) built = build(app, rules, declared, public_url)
    return built
  }
  return { json: () => current().json(), yaml: () => current().yaml() }
}

/**
 * Where clients reach the gateway. The relative address comes first, so that the page at /docs sends its requests to the
 * gateway that served it. Programs that import the document need the absolute one: to them the relative one has no host.
 */
function serversOf(public_url: string) {
  return [{ url: '/' }, { url: public_url }]
}

/** The YAML of the contract without the address of one installation, as openapi.yaml has it. */
export function withoutPublicUrl(yaml: string, public_url: string): string {
  return yaml.replace(`  - url: ${public_url}\n`, '')
}

function build(app: FastifyInstance, rules: AccessRules, declared: Declared, public_url: string): Built {
  const { operations, scopes } = declared
  const swagger = { ...structuredClone(app.swagger()), servers: serversOf(public_url) }
  const own = withScopes(swagger, scopes.names) as OpenApiDocument
  const whole =
    operations.length === 0
      ? own
      : {
          ...own,
          tags: [...(own.tags ?? []), ...declaredTags(operations)],
          paths: { ...own.paths, ...declaredPaths(operations, rules) },
        }
  const document = sharingProblems(whole)
  const json = lazy(() => Buffer.from(JSON.stringify(document)))
  const yaml = lazy(async () => Buffer.from(await writeYaml(document)))
  return { declared, json, yaml }
}

interface ResponseOfProblems {
  readonly content?: Readonly<Record<string, unknown>>
}

/**
 * Writes each response of problems once, as a component. A thousand responses of the operations are a few dozen different
 * ones, which are half of the document.
 */
function sharingProblems(document: OpenApiDocument): OpenApiDocument {
  const responses: Record<string, unknown> = {}
  const share = (status: string, response: ResponseOfProblems): unknown => {
    if (response.content?.['application/problem+json'] === undefined) return response
    // The name follows from the content, so that a new route renames no response of another one.
    const digest = createHash('sha256').update(JSON.stringify(response)).digest('hex')
    const name = `problem_${status}_${digest.slice(0, 8)}`
    responses[name] = response
    return { $ref: `#/components/responses/${name}` }
  }
  const shareAll = (operation: unknown) => {
    if (typeof operation !== 'object' || operation === null || !('responses' in operation)) return operation
    const own = Object.entries(operation.responses as Record<string, ResponseOfProblems>)
    return { ...operation, responses: Object.fromEntries(own.map(([status, each]) => [status, share(status, each)])) }
  }
  const paths = Object.entries(document.paths).map(([path, item]) => {
    const operations = Object.entries(item).map(([method, operation]) => [method, shareAll(operation)])
    return [path, Object.fromEntries(operations)]
  })
  const sorted = Object.entries(responses).sort(([left], [right]) => (left < right ? -1 : 1))
  const components = { ...document.components, responses: Object.fromEntries(sorted) }
  return { ...document, paths: Object.fromEntries(paths), components }
}

/** Writes each member of each part by itself, so that no piece takes long, and the text is that of the whole document. */
export async function writeYaml(document: OpenApiDocument): Promise<string> {
  const texts: string[] = []
  for (const [name, part] of Object.entries(document)) {
    if (typeof part !== 'object' || part === null || Array.isArray(part) || Object.keys(part).length === 0) {
      texts.push(stringify({ [name]: part }, YAML))
      continue
    }
    texts.push(`${name}:\n`)
    for (const [member, value] of Object.entries(part)) {
      const text = stringify({ [name]: { [member]: value } }, YAML)
      texts.push(text.slice(text.indexOf('\n') + 1))
      await turn()
    }
  }
  return texts.join('')
}

/** Adds the enumeration of scopes to every schema of a scope. */
function withScopes(value: unknown, scopes: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => withScopes(item, scopes))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const is_scope = 'format' in value && value.format === 'scope'
  const copied = entries.filter(([name]) => !is_scope || name !== 'format')
  return {
    ...Object.fromEntries(copied.map(([name, item]) => [name, withScopes(item, scopes)])),
    ...(is_scope && { enum: [...scopes] }),
  }
}
