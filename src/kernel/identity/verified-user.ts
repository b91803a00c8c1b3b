import { and, eq, isNull } from 'drizzle-orm'
import { Problem } from '../problems/problems.js'
import type { ReadScope } from '../store/unit-of-work.js'
import { users } from './users-table.js'

/**
 * Checks that a user is active and has verified their email. An email that nobody verified proves nothing: an attacker could
 * register with the address of another person and wait until that address is made Owner, operator or member.
 *
 * @throws Problem `not_found`, `email_unverified`
 */
export async function checkVerifiedUser(scope: ReadScope, user_id: string): Promise<void> {
  const [user] = await scope.queries
    .select({ email_verified_at: users.email_verified_at })
    .from(users)
    .where(and(eq(users.id, user_id), isNull(users.disabled_at)))
  if (user === undefined) throw new Problem('not_found', { detail: 'No active user has this id.' })
  if (user.email_verified_at === null) throw new Problem('email_unverified')
}
