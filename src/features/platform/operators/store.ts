import { desc, eq, sql } from 'drizzle-orm'
import type { Privilege } from '../../../contract/scopes.js'
import { lockOperators } from '../../../kernel/authz/actor.js'
import { afterId } from '../../../kernel/database/search.js'
import { APPOINTING, checkOneOperatorStays } from '../../../kernel/identity/last-operator.js'
import { operators } from '../../../kernel/identity/operators-table.js'
import { users } from '../../../kernel/identity/users-table.js'
import { checkVerifiedUser } from '../../../kernel/identity/verified-user.js'
import { checkGrantedScopes } from '../../../kernel/permissions/escalation.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { type Page, pageOf, type Rows } from '../../../kernel/rest/pagination.js'
import { actingUser } from '../../../kernel/store/audit-record.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'
import { isOffer, withdrawUnbackedAppointments } from './offers.js'

export interface OperatorRecord {
  readonly user_id: string
  /** Null until the user has accepted. */
  readonly email: string | null
  readonly name: string | null
  readonly state: OperatorState
  /** Those of an operator, or those that are offered. */
  readonly privileges: string[]
  readonly created_at: string
}

export type OperatorState = 'active' | 'pending'

export class OperatorsReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Lists operators and offers, by descending user id. */
  async list(page: Page): Promise<Rows<OperatorRecord>> {
    const rows = await this.select()
      .where(afterId(operators.user_id, page.after_id))
      .orderBy(desc(operators.user_id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit)
  }

  /** @throws Problem `not_found` */
  async get(user_id: string): Promise<OperatorRecord> {
    const row = await this.find(user_id)
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  protected async find(user_id: string): Promise<OperatorRecord | undefined> {
    const [row] = await this.select().where(eq(operators.user_id, user_id))
    return row
  }

  private select() {
    return this.scope.queries
      .select({
        user_id: operators.user_id,
        email: ifAccepted(users.email),
        name: ifAccepted(users.name),
        state: sql<OperatorState>`case when ${isOffer} then 'pending' else 'active' end`,
        privileges: sql<string[]>`coalesce(${operators.privileges}, ${operators.offered_privileges})`,
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
   * Offers a user to become an operator, or changes such an offer. It gives nothing until the user accepts; see
   * `OwnAppointmentWriter`.
   *
   * @throws Problem `not_found`, `email_unverified`, `invalid_state` for an operator, and `privilege_escalation` with the
   *   privileges that the acting operator does not hold
   */
  async offer(user_id: string, privileges: readonly Privilege[]): Promise<void> {
    const before = await this.lock(user_id, privileges)
    if (before?.state === 'active') throw changedMeanwhile()
    const offer = { offered_privileges: [...privileges], offered_by: actingUser(this.scope.actor) }
    await this.scope.queries
      .insert(operators)
      .values({ user_id, created_at: this.scope.now, ...offer })
      .onConflictDoUpdate({ target: operators.user_id, set: offer })
    this.recordChange(await this.get(user_id), { before: partOf(before), after: { state: 'pending', privileges } })
  }

  /**
   * Changes the privileges of an operator. It applies from the next request of the operator.
   *
   * @throws Problem `not_found`, `email_unverified`, `last_operator`, `invalid_state` for a user who is no operator, and
   *   `privilege_escalation` with the privileges that the acting operator does not hold
   */
  async update(user_id: string, privileges: readonly Privilege[]): Promise<void> {
    const before = await this.lock(user_id, privileges)
    if (before?.state !== 'active') throw changedMeanwhile()
    await this.scope.queries
      .update(operators)
      .set({ privileges: [...privileges] })
      .where(eq(operators.user_id, user_id))
    await checkOneOperatorStays(this.scope)
    const withdrawn = await withdrawUnbackedAppointments(this.scope)
    this.recordChange(before, { before: partOf(before), after: { state: 'active', privileges }, ...withdrawn })
  }

  /** Dismisses an operator, or withdraws an offer. @throws Problem `not_found`, `last_operator` */
  async dismiss(user_id: string): Promise<void> {
    await lockOperators(this.scope, [APPOINTING])
    const before = await this.get(user_id)
    await this.scope.queries.delete(operators).where(eq(operators.user_id, user_id))
    await checkOneOperatorStays(this.scope)
    const withdrawn = await withdrawUnbackedAppointments(this.scope)
    this.recordChange(before, { before: partOf(before), ...withdrawn })
  }

  /** Checks under the lock that the actor may grant these privileges to this user, and returns what the user is now. */
  private async lock(user_id: string, privileges: readonly Privilege[]): Promise<OperatorRecord | undefined> {
    const actor = await lockOperators(this.scope, [APPOINTING])
    checkGrantedScopes(actor, privileges)
    await checkVerifiedUser(this.scope, user_id)
    return this.find(user_id)
  }

  private recordChange({ user_id }: OperatorRecord, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'operator', user_id, tenant_id: null, changes })
  }
}

/** An operator does not learn from an offer who is behind an id. */
function ifAccepted(column: typeof users.email | typeof users.name) {
  return sql<string | null>`case when not ${isOffer} then ${column} end`
}

/** What the audit holds of an operator. */
function partOf(record: OperatorRecord | undefined) {
  return record === undefined ? null : { state: record.state, privileges: record.privileges }
}

function changedMeanwhile(): Problem {
  return new Problem('invalid_state', {
    detail: 'The user became an operator, or stopped being one, in the meantime. Send the request again.',
  })
}
