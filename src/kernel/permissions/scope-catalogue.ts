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
  /** What a scope allows, in words; undefined for a text that is no scope of the catalogue. */
  readonly meaningOf: (text: string) => string | undefined
}

/** The catalogue of the manifest in force. Another manifest may be in force a moment later. */
export type ScopesNow = () => ScopeCatalogue

/** The catalogue of a manifest that declares these scopes, by their meaning. A declared scope replaces no built-in one. */
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
