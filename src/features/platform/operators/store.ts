import { desc, eq } from 'drizzle-orm'
import type { Privilege } from '../../../contract/scopes.js'
import { lockOperators } from '../../../kernel/authz/actor.js'
import { afterId } from '../../../kernel/database/search.js'
import { checkOneOperatorStays } from '../../../kernel/identity/last-operator.js'
import { operators } from '../../../kernel/identity/operators-table.js'
import { users } from '../../../kernel/identity/users-table.js'
import { checkVerifiedUser } from '../../../kernel/identity/verified-user.js'
import { checkGrantedScopes } from '../../../kernel/permissions/escalation.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { type Page, pageOf, type Rows } from '../../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'

export interface OperatorRecord {
  readonly user_id: string
  readonly email: string
  readonly name: string
  readonly privileges: string[]
  readonly created_at: string
}

type OperatorRow = typeof operators.$inferSelect

export class OperatorsReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Lists operators, by descending user id. */
  async list(page: Page): Promise<Rows<OperatorRecord>> {
    const rows = await this.select()
      .where(afterId(operators.user_id, page.after_id))
      .orderBy(desc(operators.user_id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit)
  }

  /** @throws Problem `not_found` */
  async get(user_id: string): Promise<OperatorRecord> {
    const [row] = await this.select().where(eq(operators.user_id, user_id))
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  private select() {
    return this.scope.queries
      .select({
        user_id: operators.user_id,
        email: users.email,
        name: users.name,
        privileges: operators.privileges,
        created_at: operators.created_at,
      })
      .from(operators)
      .innerJoin(users, eq(users.id, operators.user_id))
      .$dynamic()
  }
}

export class OperatorsWriter extends OperatorsReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /**
   * Appoints an operator, or changes the privileges of an operator. It applies from the next request of the operator.
   * @throws Problem `privilege_escalation` with the privileges that the acting operator does not hold, `last_operator`
   */
  async appoint(user_id: string, privileges: readonly Privilege[]): Promise<void> {
    const actor = await lockOperators(this.scope, ['platform:operators:manage'])
    checkGrantedScopes(actor, privileges)
    await checkVerifiedUser(this.scope, user_id)
    const [before] = await this.scope.queries
      .select({ privileges: operators.privileges })
      .from(operators)
      .where(eq(operators.user_id, user_id))
    const [after] = await this.scope.queries
      .insert(operators)
      .values({ user_id, privileges: [...privileges], created_at: this.scope.now })
      .onConflictDoUpdate({ target: operators.user_id, set: { privileges: [...privileges] } })
      .returning()
    if (before !== undefined) await checkOneOperatorStays(this.scope)
    this.recordChange(after as OperatorRow, { before: before ?? null, after: { privileges } })
  }

  /** @throws Problem `not_found`, `last_operator` */
  async dismiss(user_id: string): Promise<void> {
    await lockOperators(this.scope, ['platform:operators:manage'])
    const before = await this.get(user_id)
    await this.scope.queries.delete(operators).where(eq(operators.user_id, user_id))
    await checkOneOperatorStays(this.scope)
    this.recordChange(before, { before: { privileges: before.privileges } })
  }

  private recordChange({ user_id }: Pick<OperatorRow, 'user_id'>, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'operator', user_id, tenant_id: null, changes })
  }
}
