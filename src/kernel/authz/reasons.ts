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

/**
 * What the 403 of a suspended tenant says: since when, until when, and why. The reason is for the tenant.
 * @param reads_reason whether the caller belongs to the tenant
 */
export function wordsOfSuspension(
  tenant: TenantFact,
  reads_reason: boolean,
  now_ms: number,
): { detail: string; members: Record<string, unknown> } {
  const { trial_ends_at, suspended_at, suspended_until, suspension_reason } = tenant
  if (trial_ends_at !== null && Date.parse(trial_ends_at) <= now_ms) {
    const at = inUtc(trial_ends_at)
    return { detail: `The trial ended at ${at}.`, members: { trial_ended_at: at } }
  }
  if (suspended_at === null) throw new Error('a suspension is explained that does not exist')
  const until = suspended_until === null ? null : inUtc(suspended_until)
  const end = until === null ? 'until an operator activates it' : `until ${until}`
  const since = `An operator suspended the tenant at ${inUtc(suspended_at)}, ${end}.`
  if (suspension_reason === null) return { detail: since, members: { until } }
  return reads_reason
    ? { detail: `${since} The reason: ${suspension_reason}`, members: { until, reason: suspension_reason } }
    : { detail: `${since} A member of the tenant who sends an access token reads the reason.`, members: { until } }
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
