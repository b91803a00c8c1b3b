import { and, desc, eq } from 'drizzle-orm'
import { lockOperator, lockOperators } from '../../../kernel/authz/actor.js'
import { afterId, searchOf } from '../../../kernel/database/search.js'
import { checkOneOperatorStays } from '../../../kernel/identity/last-operator.js'
import { operators } from '../../../kernel/identity/operators-table.js'
import { revokeSessionsOf } from '../../../kernel/identity/revoke-sessions.js'
import { getUser, type UserRecord, userColumns } from '../../../kernel/identity/user-record.js'
import { users } from '../../../kernel/identity/users-table.js'
import { checkGrantedScopes } from '../../../kernel/permissions/escalation.js'
import { pageOf, type Rows } from '../../../kernel/rest/pagination.js'
import type { SearchedPage } from '../../../kernel/rest/search.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'
import { type Withdrawn, withdrawUnbackedAppointments } from '../operators/offers.js'

/** Users, for operators. */
export class PlatformUsersReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Lists users, newest first. An exact email has an index, so it finds a user among any number. */
  async list(page: SearchedPage, email?: string): Promise<Rows<UserRecord>> {
    const { id, name } = users
    const { queries } = this.scope
    const candidates = and(afterId(id, page.after_id), email === undefined ? undefined : eq(users.email, email))
    const columns = [users.email, name]
    const { condition, searched_to } = await searchOf(queries, page.search, { id, candidates, columns })
    const rows = await queries
      .select(userColumns)
      .from(users)
      .where(and(candidates, condition))
      .orderBy(desc(id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit, searched_to)
  }
}

export class PlatformUsersWriter extends PlatformUsersReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /**
   * Disables a user and ends every session. The next request with a token of the user is refused.
   * @throws Problem `not_found`, `last_operator`
   */
  async disable(id: string, reason?: string): Promise<UserRecord> {
    await lockOperators(this.scope, ['platform:users:manage'])
    const before = await getUser(this.scope, id)
    if (before.disabled_at !== null) {
      this.scope.recordNoChange()
      return before
    }
    await this.scope.queries.update(users).set({ disabled_at: this.scope.now }).where(eq(users.id, id))
    const withdrawn = await this.stopOperator(id)
    await revokeSessionsOf(this.scope, eq(users.id, id), 'user_disabled')
    this.recordChange(before, {
      before: { disabled_at: null },
      after: { disabled_at: this.scope.now },
      reason,
      ...withdrawn,
    })
    return getUser(this.scope, id)
  }

  /** Resets the failed logins of a user. @throws Problem `not_found` */
  async unlock(id: string): Promise<void> {
    await lockOperator(this.scope, ['platform:users:manage'])
    const before = await getUser(this.scope, id)
    await this.scope.queries.update(users).set({ unlocked_at: this.scope.now }).where(eq(users.id, id))
    this.recordChange(before, { after: { unlocked_at: this.scope.now } })
  }

  /**
   * Enables a disabled user. Ended sessions stay ended. Enabling an operator grants all privileges of that operator again, so
   * the acting operator must hold them.
   *
   * @throws Problem `not_found`, `privilege_escalation`
   */
  async enable(id: string): Promise<UserRecord> {
    const actor = await lockOperators(this.scope, ['platform:users:manage'])
    const before = await getUser(this.scope, id)
    if (before.disabled_at === null) {
      this.scope.recordNoChange()
      return before
    }
    checkGrantedScopes(actor, (await this.privilegesOf(id)) ?? [])
    await this.scope.queries.update(users).set({ disabled_at: null }).where(eq(users.id, id))
    this.recordChange(before, { before: { disabled_at: before.disabled_at }, after: { disabled_at: null } })
    return getUser(this.scope, id)
  }

  /** Checks that another operator stays, and ends the offers of a disabled operator. */
  private async stopOperator(id: string): Promise<Withdrawn> {
    if ((await this.privilegesOf(id)) === undefined) return {}
    await checkOneOperatorStays(this.scope)
    return withdrawUnbackedAppointments(this.scope)
  }

  /** Reads the privileges of a user; undefined if the user is not an operator. */
  private async privilegesOf(id: string): Promise<string[] | undefined> {
    const [operator] = await this.scope.queries
      .select({ privileges: operators.privileges })
      .from(operators)
      .where(eq(operators.user_id, id))
    return operator?.privileges ?? undefined
  }

  private recordChange({ id }: UserRecord, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'user', user_id: id, tenant_id: null, changes })
  }
}
