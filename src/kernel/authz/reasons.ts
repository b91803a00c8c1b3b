import { instantOf } from '../time/clock.js'
import type { Facts, KeyFact, MembershipFact, TenantFact } from './facts.js'

/**
 * Why a rule refuses a caller, in words, for a reader who may know the facts: a member who asks with `access/explain`. The
 * refusal of a request does not say it, because a stranger could read it.
 */

/** Why a key does not work. */
export function reasonOfKey(key: KeyFact | null): string {
  if (key === null) return 'This tenant has no such key.'
  if (key.revoked_at !== null)
    return `The key was revoked at ${inUtc(key.revoked_at)}. A revoked key never works again.`
  if (key.disabled_at !== null)
    return `The key has been disabled since ${inUtc(key.disabled_at)}. It can be enabled again.`
  if (key.expires_at !== null) return `The key expired at ${inUtc(key.expires_at)}.`
  return 'The secret is not that of the key.'
}

/** Why a tenant may not act. */
export function reasonOfSuspension(
  { trial_ends_at, suspended_at, suspended_until }: TenantFact,
  now_ms: number,
): string {
  if (trial_ends_at !== null && Date.parse(trial_ends_at) <= now_ms)
    return `The trial ended at ${inUtc(trial_ends_at)}.`
  if (suspended_at === null) return 'The tenant is not suspended.'
  const end = suspended_until === null ? 'until an operator activates it' : `until ${inUtc(suspended_until)}`
  return `An operator suspended the tenant at ${inUtc(suspended_at)}, ${end}.`
}

/** Why an access token is not valid. */
export function reasonOfToken({ user }: Pick<Facts, 'user'>): string {
  return user !== null && user.disabled_at !== null
    ? 'An operator has disabled the user.'
    : 'The session of the user has ended.'
}

/** Why a membership gives no access. */
export function reasonOfMembership(membership: MembershipFact | null): string {
  switch (membership?.state) {
    case 'pending':
      return 'The membership is pending: the user has not accepted it yet.'
    case 'disabled':
      return 'The membership is disabled. It can be enabled again.'
    default:
      return 'The user is not a member of the tenant in the path.'
  }
}

/** From where a key with a list of networks may be used. */
export function networksOf({ allowed_cidrs }: KeyFact): string {
  return `The key works only from these networks: ${(allowed_cidrs ?? []).join(', ')}.`
}

/** Which pages in a browser may call. */
export function originsOf({ allowed_origins }: TenantFact): string {
  return allowed_origins.length === 0
    ? 'A page in a browser cannot send the request, because the tenant lists no allowed_origins.'
    : `A page in a browser must have one of these origins: ${allowed_origins.join(', ')}.`
}

/** Facts hold instants as PostgreSQL writes them in JSON. */
function inUtc(instant: string): string {
  return instantOf(Date.parse(instant))
}
