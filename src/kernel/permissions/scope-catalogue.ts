import { ALL_SCOPES, SCOPES } from '../../contract/scopes.js'

/**
 * The scopes that exist under one manifest: those of the gateway itself, and those that upstreams declare. It never
 * changes; another manifest has another catalogue. A role or a key may hold a scope that is not in the catalogue, because
 * an earlier manifest declared it. Such a scope allows nothing.
 */
export interface ScopeCatalogue {
  /** Every scope: first those of the gateway itself, then the declared ones in alphabetical order. */
  readonly names: readonly string[]
  readonly has: (text: string) => boolean
  /** What a scope allows, in words. Undefined for a text that is not in the catalogue. */
  readonly meaningOf: (text: string) => string | undefined
}

/** Returns the catalogue of the current manifest. A reload of the manifest changes it. */
export type ScopesNow = () => ScopeCatalogue

/** Makes the catalogue of a manifest that declares these scopes. A declared scope cannot replace a built-in scope. */
export function scopeCatalogue(declared: ReadonlyMap<string, string>): ScopeCatalogue {
  const meanings = new Map([...declared, ...Object.entries(SCOPES)])
  const added = [...declared.keys()].filter((scope) => !Object.hasOwn(SCOPES, scope))
  return {
    names: [...ALL_SCOPES, ...added.sort()],
    has: (text) => meanings.has(text),
    meaningOf: (text) => meanings.get(text),
  }
}

/** The catalogue of a gateway without upstreams. Every catalogue contains it. */
export const BUILT_IN_SCOPES = scopeCatalogue(new Map())
