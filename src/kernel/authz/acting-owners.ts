import { and, count, eq, notExists } from 'drizzle-orm'
import { membership_roles, memberships, overrides } from '../identity/memberships-table.js'
import { roles } from '../identity/roles-table.js'
import { users } from '../identity/users-table.js'
import type { ReadScope } from '../store/unit-of-work.js'
import { isActiveMember } from './membership.js'

/** Only a member with this scope can add members and give roles. An Owner who is denied it cannot act as an Owner. */
export const SCOPE_OF_OWNERS = 'users:manage'

/**
 * Counts the Owners of a tenant who can act: active members whose user is not disabled, and whom no override denies the
 * scope of Owners. The caller has locked the tenant.
 */
export async function countActingOwners({ queries }: ReadScope, tenant_id: string): Promise<number> {
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
  return owners?.count ?? 0
}
