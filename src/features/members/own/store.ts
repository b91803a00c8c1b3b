import { and, eq, isNull, sql } from 'drizzle-orm'
import { findActor, lockSelf } from '../../../kernel/authz/actor.js'
import { type HeldRole, heldColumns } from '../../../kernel/authz/membership.js'
import { isActiveTenant } from '../../../kernel/authz/suspension.js'
import { lockTenant } from '../../../kernel/identity/lock-tenant.js'
import { memberships } from '../../../kernel/identity/memberships-table.js'
import { revokeOpenInvitations } from '../../../kernel/identity/revoke-open-invitations.js'
import { tenants } from '../../../kernel/identity/tenants-table.js'
import { getUser } from '../../../kernel/identity/user-record.js'
import { canGrant } from '../../../kernel/permissions/escalation.js'
import type { ScopeCatalogue } from '../../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { WriteScope } from '../../../kernel/store/unit-of-work.js'

/** A membership that the user has accepted. */
export interface Joined {
  readonly tenant_id: string
  readonly tenant_name: string
  readonly roles: string[]
}

/** The consent of a user to a pending membership. The tenant cannot give it, so it is a change by the platform. */
export class OwnMembershipsWriter {
  constructor(private readonly scope: WriteScope) {}

  /**
   * Makes a pending membership active. The member who offers it grants its roles at this moment, so they must be able to
   * grant them now. Older invitations by mail to the same user end.
   *
   * @throws Problem `not_found`, `invitation_closed`
   */
  async accept(tenant_id: string, user_id: string, catalogue: ScopeCatalogue): Promise<Joined> {
    const offer = await this.lockOffer(tenant_id, user_id)
    if (!offer.is_active_tenant) throw closed('The tenant is suspended.')
    const inviter = await findActor(this.scope, tenant_id, offer.invited_by, ['users:manage'])
    if (inviter === undefined || !canGrant(inviter, offer.roles, catalogue)) {
      throw closed('The member who offered the membership can no longer grant its roles.')
    }
    await this.scope.queries
      .update(memberships)
      .set({ state: 'active', accepted_at: this.scope.now })
      .where(isOffer(tenant_id, user_id))
    const { email } = await getUser(this.scope, user_id)
    const revoked = await revokeOpenInvitations(this.scope, tenant_id, email)
    const roles = offer.roles.map(({ name }) => name)
    this.recordChange(tenant_id, user_id, {
      before: { state: 'pending' },
      after: { state: 'active', roles },
      ...revoked,
    })
    return { tenant_id, tenant_name: offer.tenant_name, roles }
  }

  /** Deletes a pending membership. @throws Problem `not_found` */
  async decline(tenant_id: string, user_id: string): Promise<void> {
    await this.lockOffer(tenant_id, user_id)
    await this.scope.queries.delete(memberships).where(isOffer(tenant_id, user_id))
    this.recordChange(tenant_id, user_id, { before: { state: 'pending' } })
  }

  /** Locks the tenant and the acting user, and reads the pending membership. @throws Problem `not_found` */
  private async lockOffer(tenant_id: string, user_id: string): Promise<Offer> {
    await lockTenant(this.scope, tenant_id)
    await lockSelf(this.scope, user_id)
    const [offer] = await this.scope.queries
      .select({
        invited_by: memberships.invited_by,
        tenant_name: tenants.name,
        is_active_tenant: sql<boolean>`${isActiveTenant(this.scope.now)}`,
        ...heldColumns,
      })
      .from(memberships)
      .innerJoin(tenants, eq(tenants.id, memberships.tenant_id))
      .where(and(isOffer(tenant_id, user_id), isNull(tenants.deleted_at)))
    if (offer === undefined) {
      throw new Problem('not_found', { detail: 'You have no pending membership in this tenant.' })
    }
    return offer
  }

  private recordChange(tenant_id: string, user_id: string, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'member', user_id, tenant_id, changes })
  }
}

interface Offer {
  readonly invited_by: string | null
  readonly tenant_name: string
  readonly is_active_tenant: boolean
  readonly roles: HeldRole[]
}

function isOffer(tenant_id: string, user_id: string) {
  return and(eq(memberships.tenant_id, tenant_id), eq(memberships.user_id, user_id), eq(memberships.state, 'pending'))
}

function closed(detail: string): Problem {
  return new Problem('invitation_closed', { detail })
}
