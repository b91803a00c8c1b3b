import { eq } from 'drizzle-orm'
import { revokeSessionsOf } from '../../../kernel/identity/revoke-sessions.js'
import { users } from '../../../kernel/identity/users-table.js'
import { lockVerifiedUser, type VerifiedLogin } from '../../../kernel/identity/verified-login.js'
import type { WriteScope } from '../../../kernel/store/unit-of-work.js'
import { OneTimeTokensWriter } from '../../auth/one-time-tokens-store.js'

/** The password of a signed-in user. */
export class PasswordWriter {
  constructor(private readonly scope: WriteScope) {}

  /**
   * Changes the password. It ends every other session, and every link that could set a password.
   * @throws Problem `invalid_credentials` if the verified password is no longer the current one
   */
  async change(login: VerifiedLogin, password_hash: string, kept_session_id: string): Promise<void> {
    await lockVerifiedUser(this.scope, login)
    const user_id = login.id
    await this.scope.queries.update(users).set({ password_hash }).where(eq(users.id, user_id))
    await revokeSessionsOf(this.scope, eq(users.id, user_id), 'password_changed', kept_session_id)
    await new OneTimeTokensWriter(this.scope).end(user_id, 'password_reset')
    this.scope.recordChange({ kind: 'user', user_id, tenant_id: null, changes: {} })
  }
}
