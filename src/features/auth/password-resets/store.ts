import { and, eq, isNull } from 'drizzle-orm'
import { revokeSessionsOf } from '../../../kernel/identity/revoke-sessions.js'
import { users } from '../../../kernel/identity/users-table.js'
import type { LinkMail } from '../../../kernel/mail/outbox.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'
import {
  type LinkOutcome,
  OneTimeTokensReader,
  OneTimeTokensWriter,
  type TokenOwner,
} from '../one-time-tokens-store.js'

/** Links to set a new password. */
export class PasswordResetsReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Reads the id of the active user with an address. Returns undefined without such a user. */
  async userOf(email: string): Promise<string | undefined> {
    const [row] = await this.scope.queries
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.email, email), isNull(users.disabled_at)))
    return row?.id
  }

  /** Reads the user of a working link, without using the link. Returns undefined for any other link. */
  ownerOf(token: string): Promise<TokenOwner | undefined> {
    return new OneTimeTokensReader(this.scope).ownerOf(token, 'password_reset')
  }
}

export class PasswordResetsWriter extends PasswordResetsReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /** Makes a link and queues its mail, unless the newest link is recent or the mailbox has received enough mails. */
  async issue(user_id: string, mail: LinkMail): Promise<LinkOutcome> {
    const outcome = await new OneTimeTokensWriter(this.scope).issue(user_id, 'password_reset', mail)
    if (outcome === 'queued') this.recordChange(user_id)
    else this.scope.recordNoChange()
    return outcome
  }

  /**
   * Sets a new password with a link. It ends every other link and every session, because an attacker may have one of them.
   * The link was sent to the address, so it also verifies the address. Returns undefined when the link does not work.
   */
  async use(token: string, password_hash: string): Promise<TokenOwner | undefined> {
    const owner = await new OneTimeTokensWriter(this.scope).use(token, 'password_reset')
    if (owner === undefined) {
      this.scope.recordNoChange()
      return undefined
    }
    await this.scope.queries.update(users).set({ password_hash }).where(eq(users.id, owner.id))
    await this.scope.queries
      .update(users)
      .set({ email_verified_at: this.scope.now })
      .where(and(eq(users.id, owner.id), isNull(users.email_verified_at)))
    await revokeSessionsOf(this.scope, eq(users.id, owner.id), 'password_reset')
    this.recordChange(owner.id)
    return owner
  }

  private recordChange(user_id: string): void {
    this.scope.recordChange({ kind: 'user', user_id, tenant_id: null, changes: {} })
  }
}
