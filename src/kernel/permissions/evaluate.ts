import type { PrincipalKind } from '../../contract/kinds.js'
import { unreachable } from '../unreachable.js'
import { type RoleFact, roleGives, scopesOfRole } from './roles.js'
import type { ScopeCatalogue } from './scope-catalogue.js'

export const OVERRIDE_EFFECTS = ['grant', 'deny'] as const
export type OverrideEffect = (typeof OVERRIDE_EFFECTS)[number]

/** A grant or a deny on one membership. A deny wins over every role and every grant, and also applies to an Owner. */
export interface OverrideFact {
  readonly scope: string
  readonly effect: OverrideEffect
}

/** The holdings of a principal of each kind. */
interface Held {
  readonly user: { readonly roles: readonly RoleFact[]; readonly overrides: readonly OverrideFact[] }
  readonly key: { readonly scopes: readonly string[] }
  readonly operator: { readonly privileges: readonly string[] }
}

/** The holdings of a principal of one of these kinds. */
export type HoldingsOf<Kinds extends PrincipalKind> = {
  [K in Kinds]: { readonly kind: K; readonly id: string } & Held[K]
}[Kinds]

export type Holdings = HoldingsOf<PrincipalKind>

export type ScopeSource =
  | { readonly role: string }
  | { readonly override: 'grant' }
  | { readonly key: true }
  | { readonly privilege: true }

/** One effective scope, with each role and each override that gives it. */
export interface EffectiveScope {
  readonly scope: string
  readonly from: readonly ScopeSource[]
}

/**
 * Whether a principal may do something, and why. The 403, `GET /v1/access` and every explanation print this object.
 */
export interface Decision {
  readonly allowed: boolean
  readonly required: readonly string[]
  readonly missing: readonly string[]
  readonly principal: { readonly kind: PrincipalKind; readonly id: string }
  /** Required scopes that a deny override removes, even if a role gives them. */
  readonly denied_by_override: readonly string[]
}

/**
 * Effective scopes: `(roles' scopes ∪ grants) − denies` for a user, its own scopes for a key, privileges for an operator.
 * A scope that is not in the catalogue allows nothing, so the result does not contain it.
 */
export function effectiveScopes(holdings: Holdings, catalogue: ScopeCatalogue): EffectiveScope[] {
  switch (holdings.kind) {
    case 'user':
      return scopesOfUser(holdings, catalogue)
    case 'key':
      return holdings.scopes.filter(catalogue.has).map((scope) => ({ scope, from: [{ key: true }] }))
    case 'operator':
      return holdings.privileges.map((scope) => ({ scope, from: [{ privilege: true }] }))
    default:
      return unreachable(holdings)
  }
}

function scopesOfUser({ roles, overrides }: HoldingsOf<'user'>, catalogue: ScopeCatalogue): EffectiveScope[] {
  const sources = new Map<string, ScopeSource[]>()
  const add = (scope: string, source: ScopeSource) => {
    const from = sources.get(scope)
    if (from === undefined) sources.set(scope, [source])
    else from.push(source)
  }
  for (const role of roles) for (const scope of scopesOfRole(role, catalogue)) add(scope, { role: role.name })
  for (const override of overrides) if (override.effect === 'grant') add(override.scope, { override: 'grant' })
  for (const override of overrides) if (override.effect === 'deny') sources.delete(override.scope)
  return [...sources].filter(([scope]) => catalogue.has(scope)).map(([scope, from]) => ({ scope, from }))
}

/**
 * Decides whether a principal holds the required scopes. It is a pure function, and the only code that decides this.
 * The principal must hold all of them. A scope that does not exist is always missing.
 */
export function evaluate(required: readonly string[], holdings: Holdings, catalogue: ScopeCatalogue): Decision {
  const missing = required.filter((scope) => !exists(scope, holdings, catalogue) || !holds(holdings, scope))
  return {
    allowed: missing.length === 0,
    required,
    missing,
    principal: { kind: holdings.kind, id: holdings.id },
    denied_by_override: missing.filter((scope) => isDenied(holdings, scope)),
  }
}

/** Whether a scope exists for this kind of principal. Privileges are not in the catalogue. */
function exists(scope: string, { kind }: Holdings, catalogue: ScopeCatalogue): boolean {
  switch (kind) {
    case 'user':
    case 'key':
      return catalogue.has(scope)
    case 'operator':
      return true
    default:
      return unreachable(kind)
  }
}

/**
 * Whether a principal holds a scope. The scope does not have to exist now. Use it for scopes of the gateway itself, which
 * always exist, and for grants: a scope of an earlier manifest can return, and its holders then have it again.
 */
export function holds(holdings: Holdings, scope: string): boolean {
  switch (holdings.kind) {
    case 'user':
      return !isDenied(holdings, scope) && isGranted(holdings, scope)
    case 'key':
      return holdings.scopes.includes(scope)
    case 'operator':
      return holdings.privileges.includes(scope)
    default:
      return unreachable(holdings)
  }
}

function isGranted({ roles, overrides }: HoldingsOf<'user'>, scope: string): boolean {
  return (
    roles.some((role) => roleGives(role, scope)) ||
    overrides.some((override) => override.effect === 'grant' && override.scope === scope)
  )
}

function isDenied(holdings: Holdings, scope: string): boolean {
  return overridesOf(holdings).some((override) => override.effect === 'deny' && override.scope === scope)
}

/** The roles that a principal has. Only users have roles. */
export function rolesOf(holdings: Holdings): readonly RoleFact[] {
  switch (holdings.kind) {
    case 'user':
      return holdings.roles
    case 'key':
    case 'operator':
      return []
    default:
      return unreachable(holdings)
  }
}

/** The overrides of a principal. Only users have overrides. */
export function overridesOf(holdings: Holdings): readonly OverrideFact[] {
  switch (holdings.kind) {
    case 'user':
      return holdings.overrides
    case 'key':
    case 'operator':
      return NO_OVERRIDES
    default:
      return unreachable(holdings)
  }
}

const NO_OVERRIDES: readonly OverrideFact[] = []
