import { type RoleFact, roleGives, scopesOfRole } from './roles.js'
import { isScope } from './scopes.js'

/** A grant or a deny on one membership; the deny beats every role, every grant, and Owner. */
export interface OverrideFact {
  readonly scope: string
  readonly effect: 'grant' | 'deny'
}

/** What somebody holds, and where each part of it comes from. */
export type Holdings =
  | {
      readonly kind: 'user'
      readonly id: string
      readonly roles: readonly RoleFact[]
      readonly overrides: readonly OverrideFact[]
    }
  | { readonly kind: 'key'; readonly id: string; readonly scopes: readonly string[] }
  | { readonly kind: 'operator'; readonly id: string; readonly privileges: readonly string[] }

export type ScopeSource =
  | { readonly role: string }
  | { readonly override: 'grant' }
  | { readonly key: true }
  | { readonly privilege: true }

/** One effective scope with every place that it comes from. */
export interface EffectiveScope {
  readonly scope: string
  readonly from: readonly ScopeSource[]
}

/**
 * The one answer to "may they, and why". The 403, `GET /v1/access` and every explanation print this object.
 */
export interface Decision {
  readonly allowed: boolean
  readonly required: readonly string[]
  readonly missing: readonly string[]
  readonly principal: { readonly kind: Holdings['kind']; readonly id: string }
  /** Required scopes that a deny override takes away, whatever roles give them. */
  readonly denied_by_override: readonly string[]
}

/**
 * Effective scopes: `(roles' scopes ∪ grants) − denies` for a user, its own scopes for a key, privileges for an operator.
 * A scope that nobody knows any more gives nothing, so it is none of them.
 */
export function effectiveScopes(holdings: Holdings): EffectiveScope[] {
  if (holdings.kind === 'key') {
    return holdings.scopes.filter(isScope).map((scope) => ({ scope, from: [{ key: true }] }))
  }
  if (holdings.kind === 'operator') {
    return holdings.privileges.map((scope) => ({ scope, from: [{ privilege: true }] }))
  }
  const sources = new Map<string, ScopeSource[]>()
  const add = (scope: string, source: ScopeSource) => {
    const from = sources.get(scope)
    if (from === undefined) sources.set(scope, [source])
    else from.push(source)
  }
  for (const role of holdings.roles) for (const scope of scopesOfRole(role)) add(scope, { role: role.name })
  for (const override of holdings.overrides) if (override.effect === 'grant') add(override.scope, { override: 'grant' })
  for (const override of holdings.overrides) if (override.effect === 'deny') sources.delete(override.scope)
  return [...sources].filter(([scope]) => isScope(scope)).map(([scope, from]) => ({ scope, from }))
}

/**
 * Decides: facts in, decision out. Pure; the only place where a requirement meets what somebody holds.
 * Several required scopes mean all of them.
 */
export function evaluate(required: readonly string[], holdings: Holdings): Decision {
  const missing = required.filter((scope) => !holds(holdings, scope))
  return {
    allowed: missing.length === 0,
    required,
    missing,
    principal: { kind: holdings.kind, id: holdings.id },
    denied_by_override: missing.filter((scope) => isDenied(holdings, scope)),
  }
}

/** Whether somebody holds one scope; the same rule as `effectiveScopes`, without building the list. */
export function holds(holdings: Holdings, scope: string): boolean {
  return (holdings.kind === 'operator' || isScope(scope)) && wouldHold(holdings, scope)
}

/**
 * Whether somebody would hold a scope, were it in the catalogue: what counts where something is given to others. A scope
 * of an upstream that is gone gives nothing today, and may be back tomorrow, in the hands of whoever has it by then.
 */
export function wouldHold(holdings: Holdings, scope: string): boolean {
  if (holdings.kind === 'operator') return holdings.privileges.includes(scope)
  if (holdings.kind === 'key') return holdings.scopes.includes(scope)
  if (isDenied(holdings, scope)) return false
  return (
    holdings.roles.some((role) => roleGives(role, scope)) ||
    holdings.overrides.some((override) => override.effect === 'grant' && override.scope === scope)
  )
}

function isDenied(holdings: Holdings, scope: string): boolean {
  return (
    holdings.kind === 'user' &&
    holdings.overrides.some((override) => override.effect === 'deny' && override.scope === scope)
  )
}
