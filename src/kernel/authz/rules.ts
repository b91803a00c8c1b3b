import type { TenantPrincipalKind } from '../../contract/kinds.js'
import type { ProblemCode } from '../../contract/problems/catalogue.js'
import type { Secret } from '../credentials/key-use.js'
import { isSameDigest } from '../credentials/tenant-key.js'
import { isInNetworks } from '../limits/address.js'
import { evaluate, type Holdings, type HoldingsOf } from '../permissions/evaluate.js'
import { Problem } from '../problems/problems.js'
import { unreachable } from '../unreachable.js'
import { type Caller, UNKNOWN } from './caller.js'
import { scopesFor } from './demand.js'
import {
  type Facts,
  isKeyUsable,
  isSessionActive,
  type KeyFact,
  type MembershipFact,
  type TenantFact,
} from './facts.js'
import { insufficientPrivilege, insufficientScope } from './insufficient-scope.js'
import type { Principal, TenantPrincipal } from './principal.js'
import { networksOf, originsOf, reasonOfKey, reasonOfMembership, reasonOfToken, wordsOfSuspension } from './reasons.js'
import { isSuspended } from './suspension.js'

/** What the rules have established about a caller so far. */
export interface Established {
  tenant?: TenantFact
  key?: KeyFact
  principal?: Principal
  holdings?: Holdings
}

/**
 * One rule of the table. It is pure: it reads facts, the caller and the time, and nothing else. So the same rule decides
 * about a request, an open connection, and a member about whom another caller asks.
 */
export interface Rule<Code extends ProblemCode = ProblemCode> {
  /** Returns the problem that refuses the caller, or undefined if the rule lets the caller pass. */
  check(facts: Facts, caller: Caller, now_ms: number): Problem<Code> | undefined
  /**
   * The earliest moment at which `check` refuses a caller who passes now, although no fact changes. Undefined if there is
   * none. Milliseconds since 1970.
   */
  endsAt?(facts: Facts, caller: Caller, now_ms: number): number | undefined
  /** Why `check` refuses this caller, for a reader who may know the facts. Without it, the problem says everything. */
  reasonOf?(facts: Facts, caller: Caller, now_ms: number): string
  /** What the request must have, if `check` lets the caller pass only because this is unknown. */
  conditionOf?(facts: Facts, caller: Caller): string | undefined
  /** Notes what is established once the rule has let the caller pass. */
  establish?(established: Established, facts: Facts, caller: Caller): void
}

/**
 * The tenant exists, and the key is one of its active keys. All other cases are one problem, so that a stranger cannot
 * find out which tenants and keys exist.
 */
export const keyIsValid: Rule<'invalid_tenant_credentials'> = {
  check({ tenant, key }, { key_digest }, now_ms) {
    if (key_digest === UNKNOWN) {
      return key === null || isKeyUsable(key, now_ms) ? undefined : new Problem('invalid_tenant_credentials')
    }
    const secret = key === null || key_digest === null ? undefined : matchingSecret(key, key_digest, now_ms)
    return tenant === null || secret === undefined ? new Problem('invalid_tenant_credentials') : undefined
  },
  endsAt({ key }, { key_digest }, now_ms) {
    if (key === null) return undefined
    const is_previous =
      key_digest !== UNKNOWN && key_digest !== null && matchingSecret(key, key_digest, now_ms) === 'previous'
    return earliest(instantMs(key.expires_at), is_previous ? instantMs(key.previous_expires_at) : undefined)
  },
  reasonOf: ({ key }) => reasonOfKey(key),
  conditionOf({ key }, { key_digest }) {
    if (key_digest !== UNKNOWN || key !== null) return undefined
    return 'The request must send a key of the tenant that works, from a network that this key allows.'
  },
  establish(established, { tenant, key }) {
    if (tenant !== null) established.tenant = tenant
    if (key !== null) established.key = key
  },
}

/** The tenant is not suspended, and its trial is not over. */
export const tenantIsActive: Rule<'tenant_suspended'> = {
  check(facts, caller, now_ms) {
    const { tenant } = facts
    if (tenant === null || !isSuspended(tenant, now_ms)) return undefined
    return new Problem('tenant_suspended', wordsOfSuspension(tenant, isOfTenant(facts, caller, now_ms), now_ms))
  },
  endsAt: ({ tenant }) => instantMs(tenant?.trial_ends_at),
  establish(established, { tenant }) {
    if (tenant !== null) established.tenant = tenant
  },
}

/** The client is in a network from which the key may be used. */
export const addressIsAllowed: Rule<'address_not_allowed'> = {
  check({ key }, { address }) {
    if (key === null || key.allowed_cidrs === null || address === UNKNOWN) return undefined
    if (isInNetworks(address, key.allowed_cidrs)) return undefined
    const detail = `The key is valid, but its allowed_cidrs do not include ${address}, the address of this client.`
    return new Problem('address_not_allowed', { detail })
  },
  reasonOf: ({ key }) => networksOf(required(key)),
  conditionOf({ key }, { address }) {
    if (key === null || key.allowed_cidrs === null || address !== UNKNOWN) return undefined
    return networksOf(key)
  },
}

/** The tenant lists the origin of the page. Clients that are not browsers send no origin. */
export const originIsListed: Rule<'origin_not_allowed'> = {
  check({ tenant }, { origin }) {
    if (tenant === null || origin === undefined || origin === UNKNOWN) return undefined
    return tenant.allowed_origins.includes(origin) ? undefined : new Problem('origin_not_allowed')
  },
  reasonOf: ({ tenant }) => originsOf(required(tenant)),
  conditionOf: ({ tenant }, { origin }) => (tenant === null || origin !== UNKNOWN ? undefined : originsOf(tenant)),
}

/** The caller sends an access token. Only the data plane takes a tenant key alone. */
export const tokenIsSent: Rule<'authentication_required'> = {
  check(_facts, { token_expires_at_ms }) {
    return token_expires_at_ms === null ? new Problem('authentication_required') : undefined
  },
}

/**
 * The access token is valid: it has not expired, its session is active, and its user is not disabled. A caller without a
 * token is the key of the request. An invalid token never falls back to the key.
 */
export const tokenIsValid: Rule<'invalid_token'> = {
  check({ user, session }, { token_expires_at_ms }, now_ms) {
    if (token_expires_at_ms === null) return undefined
    const is_signed_in =
      token_expires_at_ms === UNKNOWN ||
      (token_expires_at_ms > now_ms && session !== null && isSessionActive(session, now_ms))
    return is_signed_in && user !== null && user.disabled_at === null ? undefined : new Problem('invalid_token')
  },
  endsAt({ session }, { token_expires_at_ms }) {
    if (typeof token_expires_at_ms !== 'number') return undefined
    return earliest(token_expires_at_ms, instantMs(session?.expires_at))
  },
  reasonOf: reasonOfToken,
  establish(established, facts, caller) {
    established.principal = principalOf(facts, caller)
  },
}

/**
 * The user is an active member of the tenant. None, pending, disabled, and an unknown tenant are one problem. A key that
 * calls alone needs no membership.
 */
export const membershipIsActive: Rule<'tenant_access_denied'> = {
  check({ tenant, membership }, caller) {
    const kind = kindOf(caller)
    switch (kind) {
      case 'user':
        return tenant !== null && membership?.state === 'active' ? undefined : accessDenied(tenant, membership)
      case 'key':
        return undefined
      default:
        return unreachable(kind)
    }
  },
  reasonOf: ({ membership }) => reasonOfMembership(membership),
  establish(established, facts, caller) {
    established.holdings = holdingsInTenant(facts, caller)
  },
}

/** The user is an operator. The right is a fact of each request; the token does not hold it. */
export const userIsOperator: Rule<'platform_access_denied'> = {
  check({ user }) {
    return user === null || user.privileges === null ? new Problem('platform_access_denied') : undefined
  },
  establish(established, facts) {
    const { user, session } = facts
    established.principal = { kind: 'operator', id: required(user).id, session_id: required(session).id }
    established.holdings = holdingsOfOperator(facts)
  },
}

/** The member, or the key that calls alone, holds every scope that the route requires. */
export const scopesAreHeld: Rule<'insufficient_scope'> = {
  check(facts, caller) {
    const holdings = holdingsInTenant(facts, caller)
    const decision = evaluate(scopesFor(caller.demand, holdings.id), holdings, caller.scope_catalogue)
    return decision.allowed ? undefined : insufficientScope(decision, [])
  },
}

/** The operator holds every privilege that the route requires. */
export const privilegesAreHeld: Rule<'platform_access_denied'> = {
  check(facts, { demand, scope_catalogue }) {
    const decision = evaluate(demand.scopes, holdingsOfOperator(facts), scope_catalogue)
    return decision.allowed ? undefined : insufficientPrivilege(decision)
  },
}

const NO_DIGEST = new Uint8Array(32)

/**
 * Returns which secret of the key has this digest; undefined if neither has, or if the key may not be used now. It always
 * compares both, so that the time does not reveal whether the key is being rotated.
 */
export function matchingSecret(key: KeyFact, digest: Uint8Array, now_ms: number): Secret | undefined {
  const is_current = isSameDigest(key.secret_digest, digest)
  const is_previous = isSameDigest(key.previous_digest ?? NO_DIGEST, digest)
  if (!isKeyUsable(key, now_ms)) return undefined
  if (is_current) return 'current'
  const overlaps = key.previous_expires_at !== null && Date.parse(key.previous_expires_at) > now_ms
  return is_previous && overlaps ? 'previous' : undefined
}

/** The kind of principal that a caller within a tenant is: the user of the access token, or the key without one. */
function kindOf({ token_expires_at_ms }: Caller): TenantPrincipalKind {
  return token_expires_at_ms === null ? 'key' : 'user'
}

/**
 * Whether the caller belongs to the tenant: an active member, or a key that holds scopes. A key without scopes can be in a
 * page, where every visitor can read it.
 */
function isOfTenant(facts: Facts, caller: Caller, now_ms: number): boolean {
  const kind = kindOf(caller)
  switch (kind) {
    case 'user':
      return facts.membership?.state === 'active' && tokenIsValid.check(facts, caller, now_ms) === undefined
    case 'key':
      return facts.key !== null && facts.key.scopes.length > 0
    default:
      return unreachable(kind)
  }
}

/** The refusal of a user without an active membership. The offer of a membership is the user's own, so it is named. */
function accessDenied(tenant: TenantFact | null, membership: MembershipFact | null): Problem<'tenant_access_denied'> {
  if (tenant === null || membership?.state !== 'pending') return new Problem('tenant_access_denied')
  return new Problem('tenant_access_denied', {
    detail: `Your membership of this tenant is pending. Accept it with POST /v1/me/memberships/${tenant.id}/accept.`,
    members: { membership_state: 'pending' },
  })
}

function principalOf({ key, user, session }: Facts, caller: Caller): TenantPrincipal {
  const kind = kindOf(caller)
  switch (kind) {
    case 'user':
      return { kind, id: required(user).id, session_id: required(session).id, key_id: key?.id ?? null }
    case 'key':
      return { kind, id: required(key).id }
    default:
      return unreachable(kind)
  }
}

/** What a caller holds within the tenant of the facts: the user by roles and overrides, the key by itself. */
export function holdingsInTenant({ key, user, membership }: Facts, caller: Caller): HoldingsOf<TenantPrincipalKind> {
  const kind = kindOf(caller)
  switch (kind) {
    case 'user': {
      const { roles, overrides } = required(membership)
      return { kind, id: required(user).id, roles, overrides }
    }
    case 'key': {
      const { id, scopes } = required(key)
      return { kind, id, scopes }
    }
    default:
      return unreachable(kind)
  }
}

function holdingsOfOperator({ user }: Facts): HoldingsOf<'operator'> {
  const { id, privileges } = required(user)
  return { kind: 'operator', id, privileges: required(privileges) }
}

/** A fact that an earlier rule of the column has checked. */
function required<Fact>(fact: Fact | null): Fact {
  if (fact === null) throw new Error('a rule reads a fact that no earlier rule has checked')
  return fact
}

function instantMs(instant: string | null | undefined): number | undefined {
  return instant ? Date.parse(instant) : undefined
}

function earliest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return Math.min(one, other)
}
