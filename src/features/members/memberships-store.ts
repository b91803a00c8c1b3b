import { and, desc, eq, isNull } from 'drizzle-orm'
import { type HeldRole, heldColumns } from '../../kernel/authz/membership.js'
import { type MembershipState, memberships } from '../../kernel/identity/memberships-table.js'
import { tenants } from '../../kernel/identity/tenants-table.js'
import type { OverrideFact } from '../../kernel/permissions/evaluate.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'

export interface MembershipRecord {
  readonly tenant_id: string
  readonly tenant_name: string
  readonly state: MembershipState
  readonly created_at: string
  readonly roles: HeldRole[]
  readonly overrides: OverrideFact[]
}

/** The memberships of one user, in every tenant. */
export class MembershipsReader {
  constructor(private readonly scope: ReadScope) {}

  /**
   * At most 1,000 memberships with what makes up their scopes. Pending ones are last, so that the offers of strangers do not
   * push accepted memberships out of the list. Within each part they are sorted by descending tenant id.
   */
  of(user_id: string): Promise<MembershipRecord[]> {
    return this.scope.queries
      .select({
        tenant_id: memberships.tenant_id,
        tenant_name: tenants.name,
        state: memberships.state,
        created_at: memberships.created_at,
        ...heldColumns,
      })
      .from(memberships)
      .innerJoin(tenants, eq(tenants.id, memberships.tenant_id))
      .where(and(eq(memberships.user_id, user_id), isNull(tenants.deleted_at)))
      .orderBy(isNull(memberships.accepted_at), desc(memberships.tenant_id))
      .limit(1000)
  }
}
