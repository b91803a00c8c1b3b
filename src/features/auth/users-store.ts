import { and, desc, eq, gt, isNull, lt, sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { digestOfOneTimeToken, isOneTimeToken } from '../../kernel/credentials/one-time-tokens.js'
import { checkOneOperatorStays, queueOperatorChanges } from '../../kernel/identity/last-operator.js'
import { operators } from '../../kernel/identity/operators-table.js'
import { one_time_tokens, sessions, users } from '../../kernel/identity/users-table.js'
import { Problem } from '../../kernel/problems/problems.js'
import { type Page, pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { instantOf } from '../../kernel/time/clock.js'
import { OneTimeTokensWriter, type TokenOwner } from './one-time-store.js'
import { endSessionsOf } from './sessions-store.js'

/** A place from which the user logged in within this time is known. */
const KNOWN_ADDRESS_DAYS = 30

export interface UserRecord {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly email_verified_at: string | null
  readonly disabled_at: string | null
  readonly created_at: string
}

/** What a login needs of a user, whether or not the password is right. */
export interface LoginRecord {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly password_hash: string
  readonly disabled_at: string | null
  readonly unlocked_at: string | null
  readonly is_operator: boolean
  readonly is_known_address: boolean
}

export interface NewUser {
  readonly email: string
  readonly name: string
  readonly password_hash: string
  /** Whether somebody vouches that the address is theirs. */
  readonly is_verified: boolean
}

const shown = {
  id: users.id,
  email: users.email,
  name: users.name,
  email_verified_at: users.email_verified_at,
  disabled_at: users.disabled_at,
  created_at: users.created_at,
}

export class UsersReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Users, newest first. */
  async list(page: Page): Promise<Rows<UserRecord>> {
    const after = page.after_id === undefined ? undefined : lt(users.id, page.after_id)
    const rows = await this.scope.queries
      .select(shown)
      .from(users)
      .where(after)
      .orderBy(desc(users.id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit)
  }

  /** @throws Problem `not_found` */
  async get(id: string): Promise<UserRecord> {
    const [row] = await this.scope.queries.select(shown).from(users).where(eq(users.id, id))
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  /** The user of an address with what a login needs; undefined when there is none. */
  async forLogin(email: string, address: string): Promise<LoginRecord | undefined> {
    const since = instantOf(Date.parse(this.scope.now) - KNOWN_ADDRESS_DAYS * 86_400_000)
    const logins = this.scope.queries
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(eq(sessions.user_id, users.id), eq(sessions.address, address), gt(sessions.created_at, since)))
    const [row] = await this.scope.queries
      .select({
        id: users.id,
        email: users.email,
        name: users.name,
        password_hash: users.password_hash,
        disabled_at: users.disabled_at,
        unlocked_at: users.unlocked_at,
        is_operator: sql<boolean>`${operators.user_id} is not null`,
        is_known_address: sql<boolean>`exists ${logins}`,
      })
      .from(users)
      .leftJoin(operators, eq(operators.user_id, users.id))
      .where(eq(users.email, email))
    return row
  }

  /** The id of an active user by email; undefined when there is none. */
  async activeIdOf(email: string): Promise<string | undefined> {
    const [row] = await this.scope.queries
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.email, email), isNull(users.disabled_at)))
    return row?.id
  }

  /** Whose link to set a new password this is, while it works; the link is not used up. */
  async ownerOfReset(token: string): Promise<TokenOwner | undefined> {
    if (!isOneTimeToken(token)) return undefined
    const [owner] = await this.scope.queries
      .select({ id: users.id, email: users.email, name: users.name })
      .from(one_time_tokens)
      .innerJoin(users, eq(users.id, one_time_tokens.user_id))
      .where(
        and(
          eq(one_time_tokens.digest, digestOfOneTimeToken(token)),
          eq(one_time_tokens.purpose, 'password_reset'),
          isNull(one_time_tokens.used_at),
          gt(one_time_tokens.expires_at, this.scope.now),
          isNull(users.disabled_at),
        ),
      )
    return owner
  }

  /** Who a session belongs to, as a login answers it. */
  async signedIn(id: string): Promise<{ id: string; email: string; name: string; is_operator: boolean }> {
    const [row] = await this.scope.queries
      .select({
        id: users.id,
        email: users.email,
        name: users.name,
        is_operator: sql<boolean>`${operators.user_id} is not null`,
      })
      .from(users)
      .leftJoin(operators, eq(operators.user_id, users.id))
      .where(eq(users.id, id))
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  /** Whether the user is an operator, with whatever privileges. */
  protected async isOperator(id: string): Promise<boolean> {
    const found = await this.scope.queries
      .select({ id: operators.user_id })
      .from(operators)
      .where(eq(operators.user_id, id))
    return found.length > 0
  }

  /** The id of a user by email; undefined when there is none. */
  async idOf(email: string): Promise<string | undefined> {
    const [row] = await this.scope.queries.select({ id: users.id }).from(users).where(eq(users.email, email))
    return row?.id
  }
}

export class UsersWriter extends UsersReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /** Makes a user; undefined, and nothing changed, when the address is taken. */
  async create(wish: NewUser): Promise<UserRecord | undefined> {
    const [row] = await this.scope.queries
      .insert(users)
      .values({
        id: uuidv7(),
        email: wish.email,
        name: wish.name,
        password_hash: wish.password_hash,
        email_verified_at: wish.is_verified ? this.scope.now : null,
        created_at: this.scope.now,
      })
      .onConflictDoNothing()
      .returning(shown)
    if (row === undefined) this.scope.unchanged()
    else this.tell(row.id, { after: { email: row.email, name: row.name } })
    return row
  }

  /**
   * Makes a user whose address is not proved, and the token of the link that proves it, in one change; undefined, and
   * nothing changed, when the address is taken.
   */
  async register(wish: Omit<NewUser, 'is_verified'>): Promise<string | undefined> {
    const made = await this.create({ ...wish, is_verified: false })
    return made && new OneTimeTokensWriter(this.scope).issue(made.id, 'email_verification')
  }

  /** Changes the profile of a user. */
  async rename(id: string, name: string): Promise<void> {
    const before = await this.get(id)
    await this.scope.queries.update(users).set({ name }).where(eq(users.id, id))
    this.tell(id, { before: { name: before.name }, after: { name } })
  }

  /**
   * Disables a user and ends every session; the next request with any token of theirs is refused.
   * @throws Problem `not_found`, `last_operator`
   */
  async disable(id: string): Promise<UserRecord> {
    const before = await this.get(id)
    if (before.disabled_at !== null) {
      this.scope.unchanged()
      return before
    }
    await queueOperatorChanges(this.scope)
    await this.scope.queries.update(users).set({ disabled_at: this.scope.now }).where(eq(users.id, id))
    if (await this.isOperator(id)) await checkOneOperatorStays(this.scope)
    await endSessionsOf(this.scope, id, 'user_disabled')
    this.tell(id, { before: { disabled_at: null }, after: { disabled_at: this.scope.now } })
    return this.get(id)
  }

  /** Forgets the failed logins of an account. @throws Problem `not_found` */
  async unlock(id: string): Promise<void> {
    await this.get(id)
    await this.scope.queries.update(users).set({ unlocked_at: this.scope.now }).where(eq(users.id, id))
    this.tell(id, { after: { unlocked_at: this.scope.now } })
  }

  /** Lets a disabled user log in again; sessions that ended stay ended. @throws Problem `not_found` */
  async enable(id: string): Promise<UserRecord> {
    const before = await this.get(id)
    if (before.disabled_at === null) {
      this.scope.unchanged()
      return before
    }
    await this.scope.queries.update(users).set({ disabled_at: null }).where(eq(users.id, id))
    this.tell(id, { before: { disabled_at: before.disabled_at }, after: { disabled_at: null } })
    return this.get(id)
  }

  private tell(id: string, changes: Record<string, unknown>): void {
    this.scope.changed({ kind: 'user', user_id: id, tenant_id: null, changes })
  }
}
