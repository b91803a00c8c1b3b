import { and, count, eq, notExists } from 'drizzle-orm'
import { isActiveMember } from '../../kernel/authz/membership.js'
import { membership_roles, memberships, overrides } from '../../kernel/identity/memberships-table.js'
import { roles } from '../../kernel/identity/roles-table.js'
import { users } from '../../kernel/identity/users-table.js'
import { Problem } from '../../kernel/problems/problems.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'

/** Only a member with this scope can add members and give roles. An Owner who is denied it cannot act as an Owner. */
export const SCOPE_OF_OWNERS = 'users:manage'

/**
 * Checks under the lock of the tenant, so that two removals at the same time cannot each count the Owner that the other one
 * removes.
 * @throws Problem `last_owner` when the tenant would have no Owner left who can act
 */
export async function checkOwnerStays({ queries }: ReadScope, tenant_id: string): Promise<void> {
  const denied = queries
    .select({ user_id: overrides.user_id })
    .from(overrides)
    .where(
      and(
        eq(overrides.tenant_id, memberships.tenant_id),
        eq(overrides.user_id, memberships.user_id),
        eq(overrides.scope, SCOPE_OF_OWNERS),
        eq(overrides.effect, 'deny'),
      ),
    )
  const [owners] = await queries
    .select({ count: count() })
    .from(memberships)
    .innerJoin(
      membership_roles,
      and(eq(membership_roles.tenant_id, memberships.tenant_id), eq(membership_roles.user_id, memberships.user_id)),
    )
    .innerJoin(roles, and(eq(roles.tenant_id, membership_roles.tenant_id), eq(roles.id, membership_roles.role_id)))
    .innerJoin(users, eq(users.id, memberships.user_id))
    .where(and(eq(memberships.tenant_id, tenant_id), isActiveMember, eq(roles.system_role, 'owner'), notExists(denied)))
  if ((owners?.count ?? 0) === 0) throw new Problem('last_owner')
}
