import { and, isNull, type SQL } from 'drizzle-orm'
import type { WriteScope } from '../store/unit-of-work.js'
import { sessions } from './users-table.js'

export type EndReason =
  | 'logout'
  | 'ended_by_user'
  | 'refresh_token_reused'
  | 'user_disabled'
  | 'password_changed'
  | 'password_reset'
  | 'tenant_locked_down'

/** A session that a change has ended. */
export interface EndedSession {
  readonly user_id: string
  readonly expires_at: string
}

/**
 * Ends the sessions that a condition selects, for every token of theirs. The caller records the change.
 * @returns those that this call has ended; a session that had ended before is not among them
 */
export function endSessions(scope: WriteScope, which: SQL | undefined, reason: EndReason): Promise<EndedSession[]> {
  return scope.queries
    .update(sessions)
    .set({ ended_at: scope.now, end_reason: reason })
    .where(and(which, isNull(sessions.ended_at)))
    .returning({ user_id: sessions.user_id, expires_at: sessions.expires_at })
}
