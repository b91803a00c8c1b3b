import { and, count, desc, eq, isNull, lt, sql } from 'drizzle-orm'
import { operators } from '../../../kernel/identity/operators-table.js'
import { users } from '../../../kernel/identity/users-table.js'
import type { Privilege } from '../../../kernel/permissions/scopes.js'
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

/** Whoever holds this can appoint others, so the platform is never left without one. */
const APPOINTING: Privilege = 'platform:operators:manage'

export class OperatorsReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Operators, by descending user id. */
  async list(page: Page): Promise<Rows<OperatorRecord>> {
    const after = page.after_id === undefined ? undefined : lt(operators.user_id, page.after_id)
    const rows = await this.select()
      .where(after)
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

  /** Makes a user an operator, or changes the privileges of one; it holds from their next request. */
  async appoint(user_id: string, privileges: readonly Privilege[]): Promise<void> {
    await this.queue()
    const [before] = await this.scope.queries
      .select({ privileges: operators.privileges })
      .from(operators)
      .where(eq(operators.user_id, user_id))
    await this.scope.queries
      .insert(operators)
      .values({ user_id, privileges: [...privileges], created_at: this.scope.now })
      .onConflictDoUpdate({ target: operators.user_id, set: { privileges: [...privileges] } })
    if (before !== undefined) await this.checkOneStays()
    this.tell(user_id, { before: before ?? null, after: { privileges } })
  }

  /** @throws Problem `not_found`, `last_operator` */
  async dismiss(user_id: string): Promise<void> {
    await this.queue()
    const before = await this.get(user_id)
    await this.scope.queries.delete(operators).where(eq(operators.user_id, user_id))
    await this.checkOneStays()
    this.tell(user_id, { before: { privileges: before.privileges } })
  }

  /** @throws Problem `last_operator` when nobody active could appoint an operator any more. */
  async checkOneStays(): Promise<void> {
    const [left] = await this.scope.queries
      .select({ count: count() })
      .from(operators)
      .innerJoin(users, eq(users.id, operators.user_id))
      .where(and(sql`${operators.privileges} @> array[${APPOINTING}]::text[]`, isNull(users.disabled_at)))
    if ((left?.count ?? 0) === 0) throw new Problem('last_operator')
  }

  /** Changes of operators run one after the other, so that two cannot both count on the other one to stay. */
  async queue(): Promise<void> {
    await this.scope.queries.execute(sql`select pg_advisory_xact_lock(727003)`)
  }

  private tell(user_id: string, changes: Record<string, unknown>): void {
    this.scope.changed({ kind: 'operator', id: user_id, tenant_id: null, changes })
  }
}
