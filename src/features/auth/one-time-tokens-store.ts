import { and, eq, gt, isNull, type SQL } from 'drizzle-orm'
import { createOneTimeToken, digestOfOneTimeToken, isOneTimeToken } from '../../kernel/credentials/one-time-tokens.js'
import { type OneTimePurpose, one_time_tokens, users } from '../../kernel/identity/users-table.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { instantOf } from '../../kernel/time/clock.js'

const LIFETIME_MS: Readonly<Record<OneTimePurpose, number>> = {
  email_verification: 24 * 3_600_000,
  password_reset: 30 * 60_000,
}

/** The user of a used link. */
export interface TokenOwner {
  readonly id: string
  readonly email: string
  readonly name: string
}

/** Links in mails. Each works once, for a limited time, and only the newest link of a purpose works. */
export class OneTimeTokensReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Reads the user of a working link, without using the link. Returns undefined for any other link. */
  async ownerOf(token: string, purpose: OneTimePurpose): Promise<TokenOwner | undefined> {
    if (!isOneTimeToken(token)) return undefined
    const [owner] = await this.scope.queries
      .select({ id: users.id, email: users.email, name: users.name })
      .from(one_time_tokens)
      .innerJoin(users, eq(users.id, one_time_tokens.user_id))
      .where(and(this.works(token, purpose), isNull(users.disabled_at)))
    return owner
  }

  /** The condition of a working link: known, of this purpose, unused and not expired. */
  protected works(token: string, purpose: OneTimePurpose): SQL | undefined {
    return and(
      eq(one_time_tokens.digest, digestOfOneTimeToken(token)),
      eq(one_time_tokens.purpose, purpose),
      isNull(one_time_tokens.used_at),
      gt(one_time_tokens.expires_at, this.scope.now),
    )
  }
}

export class OneTimeTokensWriter extends OneTimeTokensReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /** Makes the token of a link for a user and ends the earlier links. */
  async issue(user_id: string, purpose: OneTimePurpose): Promise<string> {
    await this.end(user_id, purpose)
    const { token, digest } = createOneTimeToken()
    await this.scope.queries.insert(one_time_tokens).values({
      digest,
      user_id,
      purpose,
      created_at: this.scope.now,
      expires_at: instantOf(Date.parse(this.scope.now) + LIFETIME_MS[purpose]),
    })
    return token
  }

  /** Ends every link of a user for one purpose. */
  async end(user_id: string, purpose: OneTimePurpose): Promise<void> {
    await this.scope.queries
      .delete(one_time_tokens)
      .where(and(eq(one_time_tokens.user_id, user_id), eq(one_time_tokens.purpose, purpose)))
  }

  /** Uses a link. Returns its user, or undefined when it is unknown, used or expired, or its user is disabled. */
  async use(token: string, purpose: OneTimePurpose): Promise<TokenOwner | undefined> {
    if (!isOneTimeToken(token)) return undefined
    const [used] = await this.scope.queries
      .update(one_time_tokens)
      .set({ used_at: this.scope.now })
      .where(this.works(token, purpose))
      .returning({ user_id: one_time_tokens.user_id })
    if (used === undefined) return undefined
    const [owner] = await this.scope.queries
      .select({ id: users.id, email: users.email, name: users.name })
      .from(users)
      .where(and(eq(users.id, used.user_id), isNull(users.disabled_at)))
    return owner
  }
}
