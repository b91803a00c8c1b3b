import { and, eq, isNotNull, isNull, sql } from 'drizzle-orm'
import { memberships } from '../identity/memberships-table.js'
import { users } from '../identity/users-table.js'
import type { OverrideFact } from '../permissions/evaluate.js'
import type { RoleFact } from '../permissions/roles.js'

/** A role that a member has. */
export interface HeldRole extends RoleFact {
  readonly id: string
}

/** The roles of one membership, as `r`. Each join repeats the tenant. `membership` is the alias of the outer row. */
const rolesFrom = (membership: string) => `
  from membership_roles mr join roles r on r.tenant_id = mr.tenant_id and r.id = mr.role_id
  where mr.tenant_id = ${membership}.tenant_id and mr.user_id = ${membership}.user_id`

/** Why a statement reads a membership: `decide` for authorisation, `show` for a person, sorted and with the ids of roles. */
type Use = 'decide' | 'show'

/**
 * SQL for the roles that a membership has, as JSON of `RoleFact[]`, or of `HeldRole[]`, oldest first, to be shown.
 * Every request decides, and sorting and ids would take about 3 µs of the database each time.
 */
export const rolesHeldBy = (membership: string, use: Use) => `coalesce((
  select json_agg(json_build_object(
    ${use === 'show' ? "'id', r.id," : ''} 'name', r.name, 'system_role', r.system_role, 'scopes', r.scopes)
    ${use === 'show' ? 'order by r.id' : ''})
  ${rolesFrom(membership)}), '[]')`

/** SQL for the overrides of a membership, as JSON of `OverrideFact[]`, sorted by scope to be shown. */
export const overridesHeldBy = (membership: string, use: Use) => `coalesce((
  select json_agg(json_build_object('scope', v.scope, 'effect', v.effect) ${use === 'show' ? 'order by v.scope' : ''})
  from overrides v where v.tenant_id = ${membership}.tenant_id and v.user_id = ${membership}.user_id), '[]')`

/** What a membership holds, as columns of a select from the table `memberships`. */
export const heldColumns = {
  roles: sql<HeldRole[]>`${sql.raw(rolesHeldBy('"memberships"', 'show'))}`,
  overrides: sql<OverrideFact[]>`${sql.raw(overridesHeldBy('"memberships"', 'show'))}`,
}

/** Only the names of the roles. A list of members does not show scopes, so the statement does not read them. */
export const heldRoleNames = sql<string[]>`array(select r.name ${sql.raw(rolesFrom('"memberships"'))} order by r.id)`

/** Whether a membership counts: it is active, and its user is not disabled. For a select that joins `users`. */
export const isActiveMember = and(eq(memberships.state, 'active'), isNull(users.disabled_at))

/** Whether the user of a membership has accepted it. A pending membership gives no right, and counts nowhere. */
export const isAccepted = isNotNull(memberships.accepted_at)
