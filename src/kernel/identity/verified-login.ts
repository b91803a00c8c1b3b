import { eq } from 'drizzle-orm'
import { Problem } from '../problems/problems.js'
import type { WriteScope } from '../store/unit-of-work.js'
import { users } from './users-table.js'

/** What a login read of its user before it verified the password. */
export interface VerifiedLogin {
  readonly id: string
  readonly password_hash: string
  readonly session_revocations: number
}

/**
 * Locks the user of a login until the end of the transaction, and checks that the login is still true. Verifying a password
 * takes long. Meanwhile the password may have changed, the user may be disabled, or all sessions may have been revoked.
 *
 * @throws Problem `invalid_credentials`
 */
export async function lockVerifiedUser(scope: WriteScope, login: VerifiedLogin): Promise<void> {
  const [user] = await scope.queries
    .select({
      password_hash: users.password_hash,
      disabled_at: users.disabled_at,
      session_revocations: users.session_revocations,
    })
    .from(users)
    .where(eq(users.id, login.id))
    .for('no key update')
  const is_true =
    user !== undefined &&
    user.disabled_at === null &&
    user.password_hash === login.password_hash &&
    user.session_revocations === login.session_revocations
  if (!is_true) throw new Problem('invalid_credentials')
}
