import { and, eq, sql } from 'drizzle-orm'
import { users } from '../auth/table.js'
import { tenant_keys } from '../keys/table.js'
import { type MembershipState, memberships } from '../members/table.js'
import type { Holdings, OverrideFact } from '../permissions/evaluate.js'
import type { RoleFact } from '../permissions/roles.js'
import type { ReadScope } from '../storage/unit-of-work.js'

/** What somebody would hold, and why they could not come that far. */
export interface Explained {
  readonly holdings: Holdings
  /** The code of the refusal that comes before scopes are asked; null when nothing stands in the way. */
  readonly refused_before: 'invalid_token' | 'tenant_access_denied' | 'invalid_tenant_credentials' | null
}

const rolesOf = sql<RoleFact[]>`coalesce((
  select jsonb_agg(jsonb_build_object('name', r.name, 'system_role', r.system_role, 'scopes', r.scopes) order by r.id)
  from membership_roles mr join roles r on r.tenant_id = mr.tenant_id and r.id = mr.role_id
  where mr.tenant_id = "memberships"."tenant_id" and mr.user_id = "memberships"."user_id"), '[]')`

const overridesOf = sql<OverrideFact[]>`coalesce((
  select jsonb_agg(jsonb_build_object('scope', v.scope, 'effect', v.effect))
  from overrides v where v.tenant_id = "memberships"."tenant_id" and v.user_id = "memberships"."user_id"), '[]')`

/** Reads what a decision about somebody else is made from. */
export class ExplainReader {
  constructor(
    private readonly scope: ReadScope,
    private readonly tenant_id: string,
  ) {}

  /** A member of the tenant; undefined for anybody else. */
  async member(user_id: string): Promise<Explained | undefined> {
    const [row] = await this.scope.queries
      .select({ state: memberships.state, disabled_at: users.disabled_at, roles: rolesOf, overrides: overridesOf })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.user_id))
      .where(and(eq(memberships.tenant_id, this.tenant_id), eq(memberships.user_id, user_id)))
    if (row === undefined) return undefined
    const is_active = (row.state satisfies MembershipState) === 'active'
    return {
      holdings: { kind: 'user', id: user_id, roles: row.roles, overrides: row.overrides },
      refused_before: row.disabled_at !== null ? 'invalid_token' : is_active ? null : 'tenant_access_denied',
    }
  }

  /** A key of the tenant; undefined for any other. */
  async key(key_id: string): Promise<Explained | undefined> {
    const [key] = await this.scope.queries
      .select()
      .from(tenant_keys)
      .where(and(eq(tenant_keys.tenant_id, this.tenant_id), eq(tenant_keys.id, key_id)))
    if (key === undefined) return undefined
    const is_expired = key.expires_at !== null && key.expires_at <= this.scope.now
    const is_usable = key.revoked_at === null && key.disabled_at === null && !is_expired
    return {
      holdings: { kind: 'key', id: key.id, scopes: key.scopes },
      refused_before: is_usable ? null : 'invalid_tenant_credentials',
    }
  }
}
