import { and, eq, sql } from 'drizzle-orm'
import { type MembershipState, memberships } from '../identity/memberships-table.js'
import { users } from '../identity/users-table.js'
import type { HoldingsOf } from '../permissions/evaluate.js'
import type { ReadScope } from '../store/unit-of-work.js'
import { heldColumns, isActiveMember } from './membership.js'

/** What a member of the tenant holds, whether or not they can use it now. */
export interface MemberHoldings {
  readonly holdings: HoldingsOf<'user'>
  readonly state: MembershipState
  readonly is_user_disabled: boolean
  /** Whether the membership counts now: it is active, and its user is not disabled. */
  readonly is_active: boolean
}

/** Reads the facts for a decision about a member. Undefined if the user is not a member. */
export async function findHoldings(
  { queries }: ReadScope,
  tenant_id: string,
  user_id: string,
): Promise<MemberHoldings | undefined> {
  const [row] = await queries
    .select({
      state: memberships.state,
      disabled_at: users.disabled_at,
      is_active: sql<boolean>`${isActiveMember}`,
      ...heldColumns,
    })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.user_id))
    .where(and(eq(memberships.tenant_id, tenant_id), eq(memberships.user_id, user_id)))
  if (row === undefined) return undefined
  return {
    holdings: { kind: 'user', id: user_id, roles: row.roles, overrides: row.overrides },
    state: row.state,
    is_user_disabled: row.disabled_at !== null,
    is_active: row.is_active,
  }
}
