import { and, desc, eq, gt, isNull, notInArray, type SQL } from 'drizzle-orm'
import { createOneTimeToken, digestOfOneTimeToken, isOneTimeToken } from '../../kernel/credentials/one-time-tokens.js'
import { lockUsers } from '../../kernel/identity/revoke-sessions.js'
import { type OneTimePurpose, one_time_tokens, users } from '../../kernel/identity/users-table.js'
import { countMail, mailboxOf } from '../../kernel/mail/mailbox.js'
import { hasRoom, type LinkMail, queueMail } from '../../kernel/mail/outbox.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { instantOf } from '../../kernel/time/clock.js'

const LIFETIME_MS: Readonly<Record<OneTimePurpose, number>> = {
  email_verification: 24 * 3_600_000,
  password_reset: 30 * 60_000,
}

/** While the newest link is younger, a request makes no other: its mail may not have arrived yet. */
const RECENT_MS = 120_000
/** More than a stranger can request while a reset link works, so that no request ends the link of the owner. */
const LINKS_MAX = 20

/** The user of a used link. */
export interface TokenOwner {
  readonly id: string
  readonly email: string
  readonly name: string
}

/** What a request for a link did: it queued a mail, or why it did not. */
export type LinkOutcome = 'queued' | 'no_user' | 'recent' | 'over_budget' | 'queue_full'

/** Links in mails. Each works once and for a limited time. The first one that is used ends the others of its purpose. */
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

  /**
   * Makes a link for a user and queues its mail. Earlier links keep working: a stranger who requests links must not end the
   * link of the owner. The user is locked, so that two requests at once make one link, and none while a link is used.
   */
  async issue(user_id: string, purpose: OneTimePurpose, { outbox, write }: LinkMail): Promise<LinkOutcome> {
    await lockUsers(this.scope, eq(users.id, user_id))
    const [user] = await this.scope.queries
      .select({ email: users.email })
      .from(users)
      .where(and(eq(users.id, user_id), isNull(users.disabled_at)))
    if (user === undefined) return 'no_user'
    if (await this.hasRecent(user_id, purpose)) return 'recent'
    if (!(await hasRoom(this.scope, purpose))) return 'queue_full'
    const { is_exceeded } = await countMail(this.scope, purpose, mailboxOf(user.email), outbox.budget)
    if (is_exceeded) return 'over_budget'
    await this.endOldest(user_id, purpose)
    const { token, digest } = createOneTimeToken()
    const expires_at = instantOf(Date.parse(this.scope.now) + LIFETIME_MS[purpose])
    await this.scope.queries
      .insert(one_time_tokens)
      .values({ digest, user_id, purpose, created_at: this.scope.now, expires_at })
    const mail = write(user.email, token)
    await queueMail(this.scope, outbox, { kind: purpose, mail, link_digest: digest, link_expires_at: expires_at })
    return 'queued'
  }

  /** Ends every unused link of a user for one purpose. */
  async end(user_id: string, purpose: OneTimePurpose): Promise<void> {
    await this.scope.queries.delete(one_time_tokens).where(unused(user_id, purpose))
  }

  /**
   * Uses a link and ends the others of its user. Returns its user, or undefined when it is unknown, used or expired, or its
   * user is disabled. It locks the user first, so that of two links at once one is used.
   */
  async use(token: string, purpose: OneTimePurpose): Promise<TokenOwner | undefined> {
    const owner = await this.ownerOf(token, purpose)
    if (owner === undefined) return undefined
    await lockUsers(this.scope, eq(users.id, owner.id))
    // The user may have been disabled while this transaction waited for the lock. The link then stays unused.
    if ((await this.ownerOf(token, purpose)) === undefined) return undefined
    const used = await this.scope.queries
      .update(one_time_tokens)
      .set({ used_at: this.scope.now })
      .where(this.works(token, purpose))
      .returning({ user_id: one_time_tokens.user_id })
    if (used.length === 0) return undefined
    await this.end(owner.id, purpose)
    return owner
  }

  private async hasRecent(user_id: string, purpose: OneTimePurpose): Promise<boolean> {
    const recent_since = instantOf(Date.parse(this.scope.now) - RECENT_MS)
    const [recent] = await this.scope.queries
      .select({ digest: one_time_tokens.digest })
      .from(one_time_tokens)
      .where(and(unused(user_id, purpose), gt(one_time_tokens.created_at, recent_since)))
      .limit(1)
    return recent !== undefined
  }

  /** Keeps room for one more link. */
  private async endOldest(user_id: string, purpose: OneTimePurpose): Promise<void> {
    const newest = this.scope.queries
      .select({ digest: one_time_tokens.digest })
      .from(one_time_tokens)
      .where(unused(user_id, purpose))
      .orderBy(desc(one_time_tokens.created_at))
      .limit(LINKS_MAX - 1)
    await this.scope.queries
      .delete(one_time_tokens)
      .where(and(unused(user_id, purpose), notInArray(one_time_tokens.digest, newest)))
  }
}

function unused(user_id: string, purpose: OneTimePurpose): SQL | undefined {
  return and(
    eq(one_time_tokens.user_id, user_id),
    eq(one_time_tokens.purpose, purpose),
    isNull(one_time_tokens.used_at),
  )
}
