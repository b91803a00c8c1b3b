import { and, eq, isNull } from 'drizzle-orm'
import { users } from '../../../kernel/identity/users-table.js'
import type { LinkMail } from '../../../kernel/mail/outbox.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'
import {
  type LinkOutcome,
  OneTimeTokensReader,
  OneTimeTokensWriter,
  type TokenOwner,
} from '../one-time-tokens-store.js'

/** Links that verify an address. */
export class EmailVerificationsReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Reads the user of a working link, without using the link. Returns undefined for any other link. */
  ownerOf(token: string): Promise<TokenOwner | undefined> {
    return new OneTimeTokensReader(this.scope).ownerOf(token, 'email_verification')
  }
}

export class EmailVerificationsWriter extends EmailVerificationsReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /** Makes a link and queues its mail, unless the newest link is recent or the mailbox has received enough mails. */
  async issue(user_id: string, mail: LinkMail): Promise<LinkOutcome> {
    const outcome = await new OneTimeTokensWriter(this.scope).issue(user_id, 'email_verification', mail)
    if (outcome === 'queued') this.recordChange(user_id, {})
    else this.scope.recordNoChange()
    return outcome
  }

  /** Verifies the address of a link. Returns undefined when the link does not work. */
  async use(token: string): Promise<TokenOwner | undefined> {
    const owner = await new OneTimeTokensWriter(this.scope).use(token, 'email_verification')
    if (owner === undefined) {
      this.scope.recordNoChange()
      return undefined
    }
    await this.scope.queries
      .update(users)
      .set({ email_verified_at: this.scope.now })
      .where(and(eq(users.id, owner.id), isNull(users.email_verified_at)))
    this.recordChange(owner.id, { after: { email_verified_at: this.scope.now } })
    return owner
  }

  private recordChange(user_id: string, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'user', user_id, tenant_id: null, changes })
  }
}
