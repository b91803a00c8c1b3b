import type { MembershipState } from '../identity/memberships-table.js'
import type { OverrideFact } from '../permissions/evaluate.js'
import type { RoleFact } from '../permissions/roles.js'

/**
 * Who a request claims to be. The gateway has checked each part as far as it can without the database. A user without a
 * session is a member about whom another caller asks.
 */
export interface Claims {
  readonly tenant_id: string | null
  readonly key_id: string | null
  readonly session_id: string | null
  readonly user_id: string | null
}

export interface TenantFact {
  readonly id: string
  readonly name: string
  readonly allowed_origins: readonly string[]
  readonly requests_per_minute: number | null
  readonly trial_ends_at: string | null
  readonly suspended_at: string | null
  readonly suspended_until: string | null
  readonly suspension_reason: string | null
}

export interface KeyFact {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly secret_digest: Uint8Array
  readonly secret_created_at: string
  /** The secret before the last rotation. It works until the overlap ends. */
  readonly previous_digest: Uint8Array | null
  readonly previous_expires_at: string | null
  readonly allowed_cidrs: readonly string[] | null
  readonly requests_per_minute: number | null
  readonly expires_at: string | null
  readonly disabled_at: string | null
  readonly revoked_at: string | null
}

export interface UserFact {
  readonly id: string
  readonly disabled_at: string | null
  /** The privileges of an operator. Null for a user who is no operator or has not accepted yet, and if the request names a tenant. */
  readonly privileges: readonly string[] | null
}

export interface SessionFact {
  readonly id: string
  readonly expires_at: string
  readonly ended_at: string | null
}

export interface MembershipFact {
  readonly state: MembershipState
  readonly roles: readonly RoleFact[]
  readonly overrides: readonly OverrideFact[]
}

/** Everything that authorisation reads from the database, in one statement. A part that was not found is null. */
export interface Facts {
  readonly tenant: TenantFact | null
  readonly key: KeyFact | null
  readonly user: UserFact | null
  readonly session: SessionFact | null
  readonly membership: MembershipFact | null
}

/** The facts of a caller without credentials. */
export const NO_FACTS: Facts = { tenant: null, key: null, user: null, session: null, membership: null }

/** Whether the key is active now. `matchingSecret` in rules.ts compares its secret. */
export function isKeyUsable(key: KeyFact, now_ms: number): boolean {
  if (key.revoked_at !== null || key.disabled_at !== null) return false
  return key.expires_at === null || Date.parse(key.expires_at) > now_ms
}

/** Whether the session is active: not ended and not expired. Whether its user is disabled is a fact of the user. */
export function isSessionActive(session: Pick<SessionFact, 'ended_at' | 'expires_at'>, now_ms: number): boolean {
  return session.ended_at === null && Date.parse(session.expires_at) > now_ms
}
