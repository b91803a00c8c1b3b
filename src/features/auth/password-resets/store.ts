import { and, eq, isNull, ne } from 'drizzle-orm'
import { sessions, users } from '../../kernel/identity/users-table.js'
import type { WriteScope } from '../../kernel/store/unit-of-work.js'
import { OneTimeTokensWriter, type TokenOwner } from './one-time-store.js'
import { endSessionsOf } from './sessions-store.js'

/** What changes a password or proves an address. */
export class CredentialsWriter {
  constructor(private readonly scope: WriteScope) {}

  private get links() {
    return new OneTimeTokensWriter(this.scope)
  }

  /** Makes the token of a link to prove the address. */
  async issueVerification(user_id: string): Promise<string> {
    const token = await this.links.issue(user_id, 'email_verification')
    this.tell(user_id, {})
    return token
  }

  /** Makes the token of a link to set a new password. */
  async issueReset(user_id: string): Promise<string> {
    const token = await this.links.issue(user_id, 'password_reset')
    this.tell(user_id, {})
    return token
  }

  /** Proves the address by its link; undefined when the link does not work. */
  async verifyEmail(token: string): Promise<TokenOwner | undefined> {
    const owner = await this.links.use(token, 'email_verification')
    if (owner === undefined) {
      this.scope.unchanged()
      return undefined
    }
    await this.scope.queries
      .update(users)
      .set({ email_verified_at: this.scope.now })
      .where(and(eq(users.id, owner.id), isNull(users.email_verified_at)))
    this.tell(owner.id, { after: { email_verified_at: this.scope.now } })
    return owner
  }

  /**
   * Sets a new password by a link and ends every session: whoever had one may be why the link was asked for. The link
   * came to the address, so it also proves it. Undefined when the link does not work.
   */
  async resetPassword(token: string, password_hash: string): Promise<TokenOwner | undefined> {
    const owner = await this.links.use(token, 'password_reset')
    if (owner === undefined) {
      this.scope.unchanged()
      return undefined
    }
    await this.scope.queries.update(users).set({ password_hash }).where(eq(users.id, owner.id))
    await this.scope.queries
      .update(users)
      .set({ email_verified_at: this.scope.now })
      .where(and(eq(users.id, owner.id), isNull(users.email_verified_at)))
    await endSessionsOf(this.scope, owner.id, 'password_reset')
    this.tell(owner.id, {})
    return owner
  }

  /** Changes the password, and ends every session but the one that did it and every link to set another password. */
  async changePassword(user_id: string, password_hash: string, kept_session_id: string): Promise<void> {
    await this.scope.queries.update(users).set({ password_hash }).where(eq(users.id, user_id))
    await this.scope.queries
      .update(sessions)
      .set({ ended_at: this.scope.now, end_reason: 'password_changed' })
      .where(and(eq(sessions.user_id, user_id), isNull(sessions.ended_at), ne(sessions.id, kept_session_id)))
    await this.links.end(user_id, 'password_reset')
    this.tell(user_id, {})
  }

  private tell(user_id: string, changes: Record<string, unknown>): void {
    this.scope.changed({ kind: 'user', user_id, tenant_id: null, changes })
  }
}
