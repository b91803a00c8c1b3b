import { and, eq, ne } from 'drizzle-orm'
import { revokeSessions } from '../../../kernel/identity/revoke-sessions.js'
import { sessions, users } from '../../../kernel/identity/users-table.js'
import type { WriteScope } from '../../../kernel/store/unit-of-work.js'
import { OneTimeTokensWriter } from '../../auth/one-time-tokens-store.js'

/** The password of a signed-in user. */
export class PasswordWriter {
  constructor(private readonly scope: WriteScope) {}

  /** Changes the password. It ends every other session, and every link that could set a password. */
  async change(user_id: string, password_hash: string, kept_session_id: string): Promise<void> {
    await this.scope.queries.update(users).set({ password_hash }).where(eq(users.id, user_id))
    const others = and(eq(sessions.user_id, user_id), ne(sessions.id, kept_session_id))
    await revokeSessions(this.scope, others, 'password_changed')
    await new OneTimeTokensWriter(this.scope).end(user_id, 'password_reset')
    this.scope.recordChange({ kind: 'user', user_id, tenant_id: null, changes: {} })
  }
}
