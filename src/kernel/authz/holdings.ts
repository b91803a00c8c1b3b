import { and, eq, sql } from 'drizzle-orm'
import { type MembershipState, memberships } from '../identity/memberships-table.js'
import { users } from '../identity/users-table.js'
import type { Holdings, OverrideFact } from '../permissions/evaluate.js'
import type { RoleFact } from '../permissions/roles.js'
import type { ReadScope } from '../store/unit-of-work.js'

/** What a member of the tenant holds, whether or not they can use it now. */
export interface MemberHoldings {
  readonly holdings: Holdings
  readonly state: MembershipState
  readonly is_user_disabled: boolean
}

const rolesOf = sql<RoleFact[]>`coalesce((
  select jsonb_agg(jsonb_build_object('name', r.name, 'system_role', r.system_role, 'scopes', r.scopes) order by r.id)
  from membership_roles mr join roles r on r.tenant_id = mr.tenant_id and r.id = mr.role_id
  where mr.tenant_id = "memberships"."tenant_id" and mr.user_id = "memberships"."user_id"), '[]')`

const overridesOf = sql<OverrideFact[]>`coalesce((
  select jsonb_agg(jsonb_build_object('scope', v.scope, 'effect', v.effect))
  from overrides v where v.tenant_id = "memberships"."tenant_id" and v.user_id = "memberships"."user_id"), '[]')`

/** Reads what a decision about a member is made from; undefined for whoever is none. */
export async function findHoldings(
  { queries }: ReadScope,
  tenant_id: string,
  user_id: string,
): Promise<MemberHoldings | undefined> {
  const [row] = await queries
    .select({ state: memberships.state, disabled_at: users.disabled_at, roles: rolesOf, overrides: overridesOf })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.user_id))
    .where(and(eq(memberships.tenant_id, tenant_id), eq(memberships.user_id, user_id)))
  if (row === undefined) return undefined
  return {
    holdings: { kind: 'user', id: user_id, roles: row.roles, overrides: row.overrides },
    state: row.state,
    is_user_disabled: row.disabled_at !== null,
  }
}
