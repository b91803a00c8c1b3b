import { eq } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { lockOperator, lockSelf } from '../../kernel/authz/actor.js'
import { getUser, type UserRecord, userColumns } from '../../kernel/identity/user-record.js'
import { users } from '../../kernel/identity/users-table.js'
import type { LinkMail } from '../../kernel/mail/outbox.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { type LinkOutcome, OneTimeTokensWriter } from './one-time-tokens-store.js'

export interface CreateUserInput {
  readonly email: string
  readonly name: string
  readonly password_hash: string
  /** Whether the address counts as verified, because an operator vouches for it. */
  readonly is_verified: boolean
}

export class UsersReader {
  constructor(protected readonly scope: ReadScope) {}

  /** @throws Problem `not_found` */
  get(id: string): Promise<UserRecord> {
    return getUser(this.scope, id)
  }

  /** Reads the id of a user by email. Returns undefined when no user has it. */
  async idOf(email: string): Promise<string | undefined> {
    const [row] = await this.scope.queries.select({ id: users.id }).from(users).where(eq(users.email, email))
    return row?.id
  }
}

export class UsersWriter extends UsersReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /** Makes a user, as an operator does. Returns undefined and changes nothing when the address is taken. */
  async create(input: CreateUserInput): Promise<UserRecord | undefined> {
    await lockOperator(this.scope, ['platform:users:manage'])
    return this.insert(input)
  }

  private async insert(input: CreateUserInput): Promise<UserRecord | undefined> {
    const [row] = await this.scope.queries
      .insert(users)
      .values({
        id: uuidv7(),
        email: input.email,
        name: input.name,
        password_hash: input.password_hash,
        email_verified_at: input.is_verified ? this.scope.now : null,
        created_at: this.scope.now,
      })
      .onConflictDoNothing()
      .returning(userColumns)
    if (row === undefined) this.scope.recordNoChange()
    else this.recordChange(row.id, { after: { email: row.email, name: row.name } })
    return row
  }

  /**
   * Makes a user with an unverified address, and queues the mail with the link that verifies it, in one transaction.
   * Returns undefined and changes nothing when the address is taken.
   */
  async register(input: Omit<CreateUserInput, 'is_verified'>, mail: LinkMail): Promise<LinkOutcome | undefined> {
    const made = await this.insert({ ...input, is_verified: false })
    return made && new OneTimeTokensWriter(this.scope).issue(made.id, 'email_verification', mail)
  }

  /** Updates the profile of a user. */
  async rename(id: string, name: string): Promise<void> {
    await lockSelf(this.scope, id)
    const before = await this.get(id)
    await this.scope.queries.update(users).set({ name }).where(eq(users.id, id))
    this.recordChange(id, { before: { name: before.name }, after: { name } })
  }

  private recordChange(id: string, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'user', user_id: id, tenant_id: null, changes })
  }
}
