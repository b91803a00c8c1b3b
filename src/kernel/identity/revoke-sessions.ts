import { and, isNull, type SQL } from 'drizzle-orm'
import type { WriteScope } from '../store/unit-of-work.js'
import { sessions } from './users-table.js'

export type RevocationReason =
  | 'logout'
  | 'ended_by_user'
  | 'refresh_token_reused'
  | 'user_disabled'
  | 'password_changed'
  | 'password_reset'
  | 'tenant_locked_down'

/** A session that a change revoked. */
export interface RevokedSession {
  readonly user_id: string
  readonly expires_at: string
}

/**
 * Revokes the sessions that a condition selects, with every token of theirs. The caller records the change.
 * @returns those that this call revoked, without those that were revoked before
 */
export function revokeSessions(
  scope: WriteScope,
  which: SQL | undefined,
  reason: RevocationReason,
): Promise<RevokedSession[]> {
  return scope.queries
    .update(sessions)
    .set({ ended_at: scope.now, end_reason: reason })
    .where(and(which, isNull(sessions.ended_at)))
    .returning({ user_id: sessions.user_id, expires_at: sessions.expires_at })
}
