import type { Privilege } from '../permissions/scopes.js'
import type { WriteScope } from '../storage/unit-of-work.js'
import { operators } from './table.js'

export class OperatorsWriter {
  constructor(private readonly scope: WriteScope) {}

  /** Makes a user an operator, or changes the privileges of one. */
  async appoint(user_id: string, privileges: readonly Privilege[]): Promise<void> {
    await this.scope.queries
      .insert(operators)
      .values({ user_id, privileges: [...privileges], created_at: this.scope.now })
      .onConflictDoUpdate({ target: operators.user_id, set: { privileges: [...privileges] } })
    this.scope.changed({ kind: 'operator', id: user_id, tenant_id: null, changes: { after: { privileges } } })
  }
}
