import type { paths } from './schema'

export type Scope = NonNullable<
  paths['/v1/tenants/{tenant_id}/keys']['post']['requestBody']['content']['application/json']['scopes']
>[number]

/** Scopes for a request. The contract lists those of the gateway, and upstreams declare more while it runs. */
export function asScopes(names: readonly string[]): Scope[] {
  return names as Scope[]
}

export function asScope(name: string): Scope {
  return name as Scope
}
