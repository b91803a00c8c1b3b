import type { Secret } from '../credentials/key-use.js'
import { isSameDigest } from '../credentials/tenant-key.js'
import { isInNetworks } from '../limits/address.js'
import { evaluate, type Holdings, type HoldingsOf } from '../permissions/evaluate.js'
import { Problem } from '../problems/problems.js'
import type { SessionFact, TenantFact } from './facts.js'
import { type Claims, type Facts, isKeyUsable, isSessionAlive, type KeyFact } from './facts.js'
import { insufficientScope } from './insufficient-scope.js'
import type { TenantPrincipal } from './principal.js'
import { isSuspended } from './suspension.js'

/** What a caller of the data plane has proved: ids and digests, no secret, so it can be kept and asked again. */
export interface Credential extends Claims {
  readonly tenant_id: string
  readonly key_id: string
  /** SHA-256 of the secret of the key. */
  readonly key_digest: Uint8Array
  /** When the access token ends; null for a key alone. Milliseconds since 1970. */
  readonly token_expires_at_ms: number | null
}

/** Where a request comes from: the IP address of the client, and the origin of the page if a browser sent one. */
export interface ClientLocation {
  readonly address: string
  readonly origin: string | undefined
}

const NO_DIGEST = new Uint8Array(32)

/**
 * Which secret of the key it is; undefined for none, and for a key that may not be used. Both are compared, always, so
 * that the time does not tell whether a rotation is under way.
 */
export function matchingSecret(key: KeyFact, digest: Uint8Array, now_ms: number): Secret | undefined {
  const is_current = isSameDigest(key.secret_digest, digest)
  const is_previous = isSameDigest(key.previous_digest ?? NO_DIGEST, digest)
  if (!isKeyUsable(key, now_ms)) return undefined
  if (is_current) return 'current'
  const overlaps = key.previous_expires_at !== null && Date.parse(key.previous_expires_at) > now_ms
  return is_previous && overlaps ? 'previous' : undefined
}

/** @throws Problem `tenant_suspended`, `address_not_allowed` */
export function checkStanding(tenant: TenantFact, key: KeyFact, address: string, now_ms: number): void {
  if (isSuspended(tenant, now_ms)) throw new Problem('tenant_suspended')
  if (key.allowed_cidrs !== null && !isInNetworks(address, key.allowed_cidrs)) throw new Problem('address_not_allowed')
}

/** @throws Problem `origin_not_allowed` for a page whose origin the tenant does not list */
export function checkListed({ allowed_origins }: TenantFact, origin: string | undefined): void {
  if (origin !== undefined && !allowed_origins.includes(origin)) throw new Problem('origin_not_allowed')
}

/** The session, if it lives. */
export function livingSession({ session }: Facts, now_ms: number): SessionFact | undefined {
  return session !== null && isSessionAlive(session, now_ms) ? session : undefined
}

/**
 * What a user holds in the tenant of the facts. None, pending and disabled are one answer.
 * @throws Problem `tenant_access_denied`
 */
export function holdingsInTenant({ tenant, membership }: Facts, user_id: string): HoldingsOf<'user'> {
  if (tenant === null || membership === null || membership.state !== 'active') throw new Problem('tenant_access_denied')
  return { kind: 'user', id: user_id, roles: membership.roles, overrides: membership.overrides }
}

/** Where somebody stands now, and what will end it by itself. */
export interface Standing {
  readonly principal: TenantPrincipal
  readonly holdings: Holdings
  readonly tenant: TenantFact
  readonly ends: End | undefined
}

/** The first moment at which nothing has to change for somebody to lose their place, and what they are told. */
export interface End {
  readonly at_ms: number
  readonly code: 'invalid_token' | 'invalid_tenant_credentials' | 'tenant_suspended'
}

/**
 * Where a caller stands by these facts: the rows of the table for the data plane, once more, for whoever stays
 * connected. Budgets are not asked: nothing new is wished for.
 *
 * @throws Problem as the pipeline would refuse a request with the same credentials now
 */
export function standingOf(
  facts: Facts,
  credential: Credential,
  location: ClientLocation,
  scopes: readonly string[],
  now_ms: number,
): Standing {
  const { tenant, key } = facts
  const secret = key === null ? undefined : matchingSecret(key, credential.key_digest, now_ms)
  if (tenant === null || key === null || secret === undefined) throw new Problem('invalid_tenant_credentials')
  checkStanding(tenant, key, location.address, now_ms)
  checkListed(tenant, location.origin)
  const { principal, holdings } = whoIs(facts, key, credential, now_ms)
  const decision = evaluate(scopes, holdings)
  if (!decision.allowed) throw insufficientScope(decision, [])
  return { principal, holdings, tenant, ends: firstEnd(facts, key, secret, credential.token_expires_at_ms) }
}

function whoIs(facts: Facts, key: KeyFact, credential: Credential, now_ms: number) {
  if (credential.session_id === null) {
    const principal = { kind: 'key' as const, id: key.id }
    return { principal, holdings: { kind: 'key' as const, id: key.id, scopes: key.scopes } }
  }
  const session = livingSession(facts, now_ms)
  const { token_expires_at_ms } = credential
  if (session === undefined || token_expires_at_ms === null || token_expires_at_ms <= now_ms) {
    throw new Problem('invalid_token')
  }
  const principal = { kind: 'user' as const, id: session.user_id, session_id: session.id, key_id: key.id }
  return { principal, holdings: holdingsInTenant(facts, session.user_id) }
}

function firstEnd(
  { session, tenant }: Facts,
  key: KeyFact,
  secret: Secret,
  token_expires_at_ms: number | null,
): End | undefined {
  const at = (instant: string | null | undefined) => (instant ? Date.parse(instant) : null)
  const ends = [
    { at_ms: token_expires_at_ms, code: 'invalid_token' as const },
    { at_ms: at(session?.expires_at), code: 'invalid_token' as const },
    { at_ms: at(key.expires_at), code: 'invalid_tenant_credentials' as const },
    { at_ms: secret === 'previous' ? at(key.previous_expires_at) : null, code: 'invalid_tenant_credentials' as const },
    { at_ms: at(tenant?.trial_ends_at), code: 'tenant_suspended' as const },
  ]
  return ends
    .filter((end): end is End => end.at_ms !== null)
    .sort((one, other) => one.at_ms - other.at_ms)
    .at(0)
}
