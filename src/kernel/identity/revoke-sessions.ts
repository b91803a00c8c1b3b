import { and, asc, eq, inArray, isNull, ne, type SQL, sql } from 'drizzle-orm'
import type { WriteScope } from '../store/unit-of-work.js'
import { sessions, users } from './users-table.js'

/** Why one session ended. */
export type RevocationReason = 'logout' | 'ended_by_user' | 'refresh_token_reused'
/** Why all sessions of a user ended. */
export type EveryRevocationReason = 'user_disabled' | 'password_changed' | 'password_reset' | 'tenant_locked_down'

/** A session that a change revoked. */
export interface RevokedSession {
  readonly user_id: string
  readonly expires_at: string
}

/**
 * Revokes one session, with every token of it. The caller records the change.
 * @returns the session; undefined if it was revoked before
 */
export async function revokeSession(
  scope: WriteScope,
  session_id: string,
  reason: RevocationReason,
): Promise<RevokedSession | undefined> {
  const [revoked] = await revoke(scope, eq(sessions.id, session_id), reason)
  return revoked
}

/**
 * Revokes every session of the users that a condition selects, also one that a login is about to start. The caller records
 * the change.
 *
 * It writes the rows of the users first. A login locks the row of its user before it starts a session. So either its session
 * is committed, and the second statement revokes it, or the login waits and finds another number of revocations.
 *
 * @param kept_session_id the session that stays active
 * @returns those that this call revoked, without those that were revoked before
 */
export async function revokeSessionsOf(
  scope: WriteScope,
  which: SQL,
  reason: EveryRevocationReason,
  kept_session_id?: string,
): Promise<RevokedSession[]> {
  const locked = await lockUsers(scope, which)
  const ids = locked.map(({ id }) => id)
  if (ids.length === 0) return []
  await scope.queries
    .update(users)
    .set({ session_revocations: sql`${users.session_revocations} + 1` })
    .where(inArray(users.id, ids))
  const kept = kept_session_id === undefined ? undefined : ne(sessions.id, kept_session_id)
  return revoke(scope, and(inArray(sessions.user_id, ids), kept), reason)
}

/**
 * Locks users until the end of the transaction, in the order of their ids, so that two transactions with common users do
 * not deadlock. Rows that refer to the users can still be added.
 */
export function lockUsers(scope: WriteScope, which: SQL): Promise<{ id: string }[]> {
  return scope.queries.select({ id: users.id }).from(users).where(which).orderBy(asc(users.id)).for('no key update')
}

function revoke(
  scope: WriteScope,
  which: SQL | undefined,
  reason: RevocationReason | EveryRevocationReason,
): Promise<RevokedSession[]> {
  return scope.queries
    .update(sessions)
    .set({ ended_at: scope.now, end_reason: reason })
    .where(and(which, isNull(sessions.ended_at)))
    .returning({ user_id: sessions.user_id, expires_at: sessions.expires_at })
}
