import { countActingOwners } from '../../kernel/authz/acting-owners.js'
import { Problem } from '../../kernel/problems/problems.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'

/**
 * Checks under the lock of the tenant, so that two removals at the same time cannot each count the Owner that the other one
 * removes.
 * @throws Problem `last_owner` when the tenant would have no Owner left who can act
 */
export async function checkOwnerStays(scope: ReadScope, tenant_id: string): Promise<void> {
  if ((await countActingOwners(scope, tenant_id)) === 0) throw new Problem('last_owner')
}
