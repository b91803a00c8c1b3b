import type { FastifyInstance } from 'fastify'
import { stringify } from 'yaml'
import type { DeclaredOperation } from '../../features/upstreams/manifest/manifest.js'
import { declaredPaths, declaredTags } from '../../features/upstreams/openapi.js'
import type { AccessRules } from '../../kernel/authz/access-rules.js'
import { allScopes } from '../../kernel/permissions/scopes.js'

/** The parts of an OpenAPI document that this file changes. */
export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly tags?: readonly { readonly name: string; readonly description?: string }[]
}

/** The contract of this moment: the routes of the gateway, those that upstreams declare, and every scope that there is. */
export interface OpenApi {
  document(): OpenApiDocument
  /** The document as it is committed in openapi.yaml: the same text for the same routes. */
  yaml(): string
}

interface Built {
  readonly scopes: readonly string[]
  readonly declared: readonly DeclaredOperation[]
  readonly document: OpenApiDocument
  readonly yaml: string
}

const NONE: readonly DeclaredOperation[] = []

/** Describes the routes of a gateway. The document is built once for each manifest. */
export function describeRoutes(
  app: FastifyInstance,
  rules: AccessRules,
  declaredNow: () => readonly DeclaredOperation[] | undefined,
): OpenApi {
  let built: Built | undefined
  const current = (): Built => {
    const scopes = allScopes()
    const declared = declaredNow() ?? NONE
    if (built?.scopes !== scopes || built.declared !== declared) built = build(app, rules, scopes, declared)
    return built
  }
  return { document: () => current().document, yaml: () => current().yaml }
}

function build(
  app: FastifyInstance,
  rules: AccessRules,
  scopes: readonly string[],
  declared: readonly DeclaredOperation[],
): Built {
  const own = withScopes(structuredClone(app.swagger()), scopes) as OpenApiDocument
  const document =
    declared.length === 0
      ? own
      : {
          ...own,
          tags: [...(own.tags ?? []), ...declaredTags(declared)],
          paths: { ...own.paths, ...declaredPaths(declared, rules) },
        }
  return { scopes, declared, document, yaml: stringify(document, { strict: false }) }
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
