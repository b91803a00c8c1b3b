import type { FastifyInstance } from 'fastify'
import { stringify } from 'yaml'
import type { DeclaredOperation } from '../../features/upstreams/manifest/manifest.js'
import { declaredPaths, declaredTags } from '../../features/upstreams/openapi.js'
import { allScopes } from '../../kernel/permissions/scopes.js'

/** As much of an OpenAPI document as is changed here. */
export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly tags?: readonly { readonly name: string; readonly description?: string }[]
}

interface Built {
  readonly scopes: readonly string[]
  readonly declared: readonly DeclaredOperation[]
  readonly document: OpenApiDocument
  readonly yaml: string
}

const built = new WeakMap<FastifyInstance, Built>()
const NONE: readonly DeclaredOperation[] = []

/**
 * The contract of this moment: the routes of the gateway, those that upstreams declare, and every scope that there is.
 * It is built once for each manifest.
 */
export function openApiDocument(app: FastifyInstance, declared: readonly DeclaredOperation[] = NONE): OpenApiDocument {
  return build(app, declared).document
}

/** The document as it is committed in openapi.yaml: the same for the same routes. */
export function openApiYaml(app: FastifyInstance, declared: readonly DeclaredOperation[] = NONE): string {
  return build(app, declared).yaml
}

function build(app: FastifyInstance, declared: readonly DeclaredOperation[]): Built {
  const scopes = allScopes()
  const known = built.get(app)
  if (known !== undefined && known.scopes === scopes && known.declared === declared) return known
  const own = withScopes(structuredClone(app.swagger()), scopes) as OpenApiDocument
  const document =
    declared.length === 0
      ? own
      : {
          ...own,
          tags: [...(own.tags ?? []), ...declaredTags(declared)],
          paths: { ...own.paths, ...declaredPaths(declared) },
        }
  const made = { scopes, declared, document, yaml: stringify(document, { strict: false }) }
  built.set(app, made)
  return made
}

/** Wherever a scope is taken, says which ones there are. */
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
