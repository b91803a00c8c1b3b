import { and, eq, isNull } from 'drizzle-orm'
import { users } from '../../../kernel/identity/users-table.js'
import type { WriteScope } from '../../../kernel/store/unit-of-work.js'
import { OneTimeTokensWriter, type TokenOwner } from '../one-time-tokens-store.js'

/** Links that verify an address. */
export class EmailVerificationsWriter {
  constructor(private readonly scope: WriteScope) {}

  /** Makes the token of a link. The earlier links of the user stop working. */
  async issue(user_id: string): Promise<string> {
    const token = await new OneTimeTokensWriter(this.scope).issue(user_id, 'email_verification')
    this.recordChange(user_id, {})
    return token
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
