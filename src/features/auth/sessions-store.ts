import { and, desc, eq, gt, inArray, isNull, lt, or } from 'drizzle-orm'
import { v4 as uuidv4 } from 'uuid'
import { isSessionActive } from '../../kernel/authz/facts.js'
import {
  createRefreshToken,
  createSuccessorSalt,
  digestOfRefreshToken,
  successorOf,
} from '../../kernel/credentials/refresh-tokens.js'
import { type RevocationReason, revokeSession } from '../../kernel/identity/revoke-sessions.js'
import { refresh_tokens, sessions, users } from '../../kernel/identity/users-table.js'
import { lockVerifiedUser, type VerifiedLogin } from '../../kernel/identity/verified-login.js'
import { Problem } from '../../kernel/problems/problems.js'
import { type OrderedPage, type PagePosition, pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { instantOf } from '../../kernel/time/clock.js'

/** How long the previous token still returns the current one, for two browser tabs that refresh at the same time. */
const SAME_SUCCESSOR_MS = 10_000

/** How long an address counts as known after a login from it. */
const KEPT_AFTER_EXPIRY_MS = 30 * 86_400_000
const SWEEP_MAX = 5_000

/** The result of a refresh. */
export type RefreshOutcome =
  | { readonly kind: 'refreshed'; readonly session_id: string; readonly user_id: string; readonly refresh: string }
  /** The token is older than the previous one: another client has a copy. */
  | { readonly kind: 'reused'; readonly session_id: string }
  | { readonly kind: 'unknown' }

interface StartSessionInput {
  readonly login: VerifiedLogin
  readonly address: string
  readonly user_agent: string | null
  readonly lifetime_seconds: number
}

export interface SessionRecord {
  readonly id: string
  readonly address: string | null
  readonly user_agent: string | null
  readonly created_at: string
  readonly expires_at: string
}

export class SessionsReader {
  constructor(private readonly scope: ReadScope) {}

  /** The session of a refresh token; undefined for an unknown token. */
  async idOfToken(token: string): Promise<string | undefined> {
    const [row] = await this.scope.queries
      .select({ session_id: refresh_tokens.session_id })
      .from(refresh_tokens)
      .where(eq(refresh_tokens.digest, digestOfRefreshToken(token)))
    return row?.session_id
  }

  /** Lists the active sessions of a user, newest first, and by descending id among sessions of one moment. */
  async activeOf(user_id: string, { limit, after }: OrderedPage): Promise<Rows<SessionRecord>> {
    const rows = await this.scope.queries
      .select({
        id: sessions.id,
        address: sessions.address,
        user_agent: sessions.user_agent,
        created_at: sessions.created_at,
        expires_at: sessions.expires_at,
      })
      .from(sessions)
      .where(
        and(
          eq(sessions.user_id, user_id),
          isNull(sessions.ended_at),
          gt(sessions.expires_at, this.scope.now),
          after && isAfter(after),
        ),
      )
      .orderBy(desc(sessions.created_at), desc(sessions.id))
      .limit(limit + 1)
    return pageOf(rows, limit)
  }
}

/** The condition of the sessions that follow a position in the list. */
function isAfter({ order, id }: PagePosition) {
  const created_at = instantOf(order)
  return or(lt(sessions.created_at, created_at), and(eq(sessions.created_at, created_at), lt(sessions.id, id)))
}

export class SessionsWriter {
  constructor(private readonly scope: WriteScope) {}

  /**
   * Starts a session with its first refresh token.
   * @throws Problem `invalid_credentials` if the password changed, the user was disabled, or all sessions of the user were
   * revoked since the login began
   */
  async start(input: StartSessionInput): Promise<{ session_id: string; refresh: string }> {
    await lockVerifiedUser(this.scope, input.login)
    const user_id = input.login.id
    const session_id = uuidv4()
    const refresh = createRefreshToken()
    await this.scope.queries.insert(sessions).values({
      id: session_id,
      user_id,
      address: input.address,
      user_agent: input.user_agent?.slice(0, 256) ?? null,
      created_at: this.scope.now,
      expires_at: instantOf(Date.parse(this.scope.now) + input.lifetime_seconds * 1000),
    })
    await this.insertToken(session_id, refresh)
    this.recordChange(session_id, user_id, { after: { user_id } })
    return { session_id, refresh }
  }

  /**
   * Exchanges a refresh token for its successor. The row of the session is locked, so of any number of parallel requests
   * with one token, the first makes the successor and the others receive the same one.
   */
  async refresh(token: string): Promise<RefreshOutcome> {
    const digest = digestOfRefreshToken(token)
    const [row] = await this.scope.queries
      .select({
        session_id: sessions.id,
        user_id: sessions.user_id,
        ended_at: sessions.ended_at,
        expires_at: sessions.expires_at,
        user_disabled_at: users.disabled_at,
      })
      .from(refresh_tokens)
      .innerJoin(sessions, eq(sessions.id, refresh_tokens.session_id))
      .innerJoin(users, eq(users.id, sessions.user_id))
      .where(eq(refresh_tokens.digest, digest))
      .for('update', { of: sessions })
    const now_ms = Date.parse(this.scope.now)
    if (row === undefined || row.user_disabled_at !== null || !isSessionActive(row, now_ms)) {
      this.scope.recordNoChange()
      return { kind: 'unknown' }
    }
    const { session_id, user_id } = row
    const refresh = await this.successor(row, token, digest)
    return refresh === undefined ? { kind: 'reused', session_id } : { kind: 'refreshed', session_id, user_id, refresh }
  }

  /** Revokes a session of a user. @throws Problem `not_found` for a session of another user, or one that is over */
  async revokeOwn(session_id: string, user_id: string): Promise<void> {
    const [own] = await this.scope.queries
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(eq(sessions.id, session_id), eq(sessions.user_id, user_id), isNull(sessions.ended_at)))
    if (own === undefined) throw new Problem('not_found')
    await this.revoke(session_id, 'ended_by_user')
  }

  /** Revokes a session with every token of it. Revoking it again changes nothing. */
  async revoke(session_id: string, reason: RevocationReason): Promise<void> {
    const session = await revokeSession(this.scope, session_id, reason)
    if (session === undefined) this.scope.recordNoChange()
    else this.recordChange(session_id, session.user_id, { reason })
  }

  /** Deletes sessions that ended more than a month ago. Each call deletes a limited number, so that locks are short. */
  async deleteOld(): Promise<number> {
    const before = instantOf(Date.parse(this.scope.now) - KEPT_AFTER_EXPIRY_MS)
    const old = this.scope.queries
      .select({ id: sessions.id })
      .from(sessions)
      .where(lt(sessions.expires_at, before))
      .orderBy(sessions.id)
      .limit(SWEEP_MAX)
      // Two replicas that sweep at the same time delete different rows, and do not wait for each other.
      .for('update', { skipLocked: true })
    const deleted = await this.scope.queries
      .delete(sessions)
      .where(inArray(sessions.id, old))
      .returning({ id: sessions.id })
    if (deleted.length === 0) this.scope.recordNoChange()
    else this.recordChange(null, null, { deleted: deleted.length })
    return deleted.length
  }

  /** Returns the successor, new or existing. Undefined when the token was used too long ago or its successor was used. */
  private async successor(
    { session_id, user_id }: { readonly session_id: string; readonly user_id: string },
    token: string,
    digest: Buffer,
  ): Promise<string | undefined> {
    const mine = eq(refresh_tokens.digest, digest)
    // Read after locking the session: before the lock, another refresh may be using the token.
    const [state] = await this.scope.queries.select().from(refresh_tokens).where(mine)
    if (state?.used_at === null) {
      const successor_salt = createSuccessorSalt()
      const successor = successorOf(token, successor_salt)
      const successor_digest = digestOfRefreshToken(successor)
      await this.scope.queries
        .update(refresh_tokens)
        .set({ used_at: this.scope.now, successor_salt, successor_digest })
        .where(mine)
      await this.insertToken(session_id, successor)
      this.recordChange(session_id, user_id, {})
      return successor
    }
    this.scope.recordNoChange()
    if (!state?.used_at || !state.successor_salt || !state.successor_digest) return undefined
    if (Date.parse(this.scope.now) - Date.parse(state.used_at) > SAME_SUCCESSOR_MS) return undefined
    const [successor] = await this.scope.queries
      .select({ used_at: refresh_tokens.used_at })
      .from(refresh_tokens)
      .where(eq(refresh_tokens.digest, state.successor_digest))
    return successor?.used_at === null ? successorOf(token, state.successor_salt) : undefined
  }

  private async insertToken(session_id: string, token: string): Promise<void> {
    await this.scope.queries
      .insert(refresh_tokens)
      .values({ digest: digestOfRefreshToken(token), session_id, created_at: this.scope.now })
  }

  private recordChange(id: string | null, user_id: string | null, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'session', id, user_id, tenant_id: null, changes })
  }
}
