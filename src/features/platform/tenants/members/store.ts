import { and, desc, eq, isNotNull, isNull, ne } from 'drizzle-orm'
import { countActingOwners, SCOPE_OF_OWNERS } from '../../../../kernel/authz/acting-owners.js'
import { lockOperator } from '../../../../kernel/authz/actor.js'
import { heldRoleNames } from '../../../../kernel/authz/membership.js'
import { afterId, searchOf } from '../../../../kernel/database/search.js'
import { lockTenant } from '../../../../kernel/identity/lock-tenant.js'
import {
  type MembershipState,
  membership_roles,
  memberships,
  overrides,
} from '../../../../kernel/identity/memberships-table.js'
import { ownerRoleOf } from '../../../../kernel/identity/owner-role.js'
import { tenants } from '../../../../kernel/identity/tenants-table.js'
import { users } from '../../../../kernel/identity/users-table.js'
import { checkVerifiedUser } from '../../../../kernel/identity/verified-user.js'
import { Problem } from '../../../../kernel/problems/problems.js'
import { pageOf, type Rows } from '../../../../kernel/rest/pagination.js'
import type { SearchedPage } from '../../../../kernel/rest/search.js'
import type { ReadScope, WriteScope } from '../../../../kernel/store/unit-of-work.js'

/** A member of a tenant, as operators see it. */
export interface PlatformMemberRecord {
  readonly user_id: string
  readonly email: string
  readonly name: string
  readonly state: MembershipState
  readonly roles: string[]
  readonly created_at: string
  readonly owner_offered_at: string | null
  readonly email_verified_at: string | null
  readonly disabled_at: string | null
}

/** The offer to become the Owner of a tenant. */
export interface OwnerOfferRecord {
  readonly tenant_id: string
  readonly user_id: string
  readonly owner_offered_at: string
}

/** The members of a tenant, for operators. */
export class PlatformMembersReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Lists members, by descending user id. @throws Problem `not_found` for an unknown tenant */
  async list(tenant_id: string, page: SearchedPage): Promise<Rows<PlatformMemberRecord>> {
    await this.checkTenant(tenant_id)
    const id = memberships.user_id
    const candidates = and(eq(memberships.tenant_id, tenant_id), afterId(id, page.after_id))
    const list = { id, candidates, columns: [users.email, users.name] }
    const { condition, searched_to } = await searchOf(this.scope.queries, page.search, list)
    const rows = await this.scope.queries
      .select({
        user_id: id,
        email: users.email,
        name: users.name,
        state: memberships.state,
        roles: heldRoleNames,
        created_at: memberships.created_at,
        owner_offered_at: memberships.owner_offered_at,
        email_verified_at: users.email_verified_at,
        disabled_at: users.disabled_at,
      })
      .from(memberships)
      .innerJoin(users, eq(users.id, id))
      .where(and(candidates, condition))
      .orderBy(desc(id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit, searched_to)
  }

  protected async checkTenant(tenant_id: string): Promise<void> {
    const [tenant] = await this.scope.queries
      .select({ id: tenants.id })
      .from(tenants)
      .where(and(eq(tenants.id, tenant_id), isNull(tenants.deleted_at)))
    if (tenant === undefined) throw new Problem('not_found')
  }
}

export class PlatformMembersWriter extends PlatformMembersReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /**
   * Offers a user to become the Owner of a tenant that has no Owner who can act. The user accepts or declines as with a
   * membership; see `OwnMembershipsWriter`. Until then nothing changes for the tenant. An earlier offer of this kind ends.
   *
   * @throws Problem `not_found`, `owner_can_act`, `email_unverified`, `invalid_state`
   */
  async offerOwner(tenant_id: string, user_id: string, reason: string): Promise<OwnerOfferRecord> {
    await lockOperator(this.scope, ['platform:tenants:manage'])
    // Every change of the members of a tenant waits for this lock, so no Owner can return in between.
    await lockTenant(this.scope, tenant_id)
    await this.checkTenant(tenant_id)
    if ((await countActingOwners(this.scope, tenant_id)) > 0) throw new Problem('owner_can_act')
    await checkVerifiedUser(this.scope, user_id)
    await this.checkNotDenied(tenant_id, user_id)
    const withdrawn_offers = await this.withdrawOtherOffers(tenant_id, user_id)
    await this.offer(tenant_id, user_id)
    const changes = {
      after: { owner_offered: user_id },
      reason,
      ...(withdrawn_offers.length > 0 && { withdrawn_offers }),
    }
    this.scope.recordChange({ kind: 'member', user_id, tenant_id, changes })
    return { tenant_id, user_id, owner_offered_at: this.scope.now }
  }

  /** An Owner whom an override denies the scope of Owners could not act, and the offer would be for nothing. */
  private async checkNotDenied(tenant_id: string, user_id: string): Promise<void> {
    const denied = await this.scope.queries
      .select({ user_id: overrides.user_id })
      .from(overrides)
      .where(
        and(
          eq(overrides.tenant_id, tenant_id),
          eq(overrides.user_id, user_id),
          eq(overrides.scope, SCOPE_OF_OWNERS),
          eq(overrides.effect, 'deny'),
        ),
      )
    if (denied.length === 0) return
    throw new Problem('invalid_state', {
      detail: `An override denies ${SCOPE_OF_OWNERS} to this member, so they could not act as Owner. Name another user.`,
    })
  }

  /** Ends the offers to other users. An offer to a stranger is their pending membership. @returns the ids of the users */
  private async withdrawOtherOffers(tenant_id: string, user_id: string): Promise<string[]> {
    const { queries } = this.scope
    const is_other = and(
      eq(memberships.tenant_id, tenant_id),
      ne(memberships.user_id, user_id),
      isNotNull(memberships.owner_offered_at),
    )
    const id = { id: memberships.user_id }
    const strangers = await queries
      .delete(memberships)
      .where(and(is_other, eq(memberships.state, 'pending')))
      .returning(id)
    const members = await queries.update(memberships).set({ owner_offered_at: null }).where(is_other).returning(id)
    return [...strangers, ...members].map((each) => each.id)
  }

  private async offer(tenant_id: string, user_id: string): Promise<void> {
    const { queries, now } = this.scope
    const is_this = and(eq(memberships.tenant_id, tenant_id), eq(memberships.user_id, user_id))
    // A pending membership with other roles is an offer of a member. This one is newer, and gives more.
    await queries.delete(memberships).where(and(is_this, eq(memberships.state, 'pending')))
    const members = await queries
      .update(memberships)
      .set({ owner_offered_at: now })
      .where(is_this)
      .returning({ user_id: memberships.user_id })
    if (members.length > 0) return
    await queries
      .insert(memberships)
      .values({ tenant_id, user_id, state: 'pending', created_at: now, owner_offered_at: now })
    const role_id = await ownerRoleOf(this.scope, tenant_id)
    await queries.insert(membership_roles).values({ tenant_id, user_id, role_id })
  }
}
