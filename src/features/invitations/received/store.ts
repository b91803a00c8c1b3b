import { and, desc, eq, gt, isNull, sql } from 'drizzle-orm'
import { findActor, lockSelf } from '../../../kernel/authz/actor.js'
import { isActiveTenant } from '../../../kernel/authz/suspension.js'
import { digestOfOneTimeToken, isOneTimeToken } from '../../../kernel/credentials/one-time-tokens.js'
import { invitation_roles, invitations } from '../../../kernel/identity/invitations-table.js'
import { lockTenant } from '../../../kernel/identity/lock-tenant.js'
import { membership_roles, memberships } from '../../../kernel/identity/memberships-table.js'
import type { NamedRole } from '../../../kernel/identity/named-roles.js'
import { isOpen } from '../../../kernel/identity/revoke-open-invitations.js'
import { roles } from '../../../kernel/identity/roles-table.js'
import { tenants } from '../../../kernel/identity/tenants-table.js'
import { users } from '../../../kernel/identity/users-table.js'
import { canGrant } from '../../../kernel/permissions/escalation.js'
import type { ScopeCatalogue } from '../../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'

/** An invitation, as the invited user sees it. */
export interface PendingInvitation {
  readonly id: string
  readonly tenant_id: string
  readonly tenant_name: string
  readonly expires_at: string
}

/** Reads for the invited user. The user is not a member yet, so no tenant can be bound. */
export class ReceivedInvitationsReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Lists open invitations to an address. */
  pendingOf(email: string): Promise<PendingInvitation[]> {
    return this.scope.queries
      .select({
        id: invitations.id,
        tenant_id: invitations.tenant_id,
        tenant_name: tenants.name,
        expires_at: invitations.expires_at,
      })
      .from(invitations)
      .innerJoin(tenants, eq(tenants.id, invitations.tenant_id))
      .where(
        and(
          eq(invitations.email, email),
          isOpen,
          gt(invitations.expires_at, this.scope.now),
          isNull(tenants.deleted_at),
        ),
      )
      .orderBy(desc(invitations.id))
      .limit(100)
  }
}

export class ReceivedInvitationsWriter extends ReceivedInvitationsReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /**
   * Adds the user as a member with the roles of the invitation. The link was sent to the mailbox of the user, so it also
   * verifies the address.
   *
   * The inviter grants the roles at this moment, so they must be able to grant them now.
   *
   * @throws Problem `not_found`, `invitation_not_for_you`, `invitation_closed`
   */
  async accept(
    token: string,
    user_id: string,
    catalogue: ScopeCatalogue,
  ): Promise<{ tenant_id: string; tenant_name: string }> {
    const invitation = await this.mine(token, user_id)
    const { tenant_id, id } = invitation
    const granted = await this.rolesOf(tenant_id, id)
    const inviter = await findActor(this.scope, tenant_id, invitation.invited_by, ['users:manage'])
    if (inviter === undefined || !canGrant(inviter, granted, catalogue)) throw new Problem('invitation_closed')
    await this.checkNoOffer(tenant_id, user_id)
    await this.close(tenant_id, id, { accepted_at: this.scope.now })
    await this.scope.queries
      .update(users)
      .set({ email_verified_at: this.scope.now })
      .where(and(eq(users.id, user_id), isNull(users.email_verified_at)))
    const joined = await this.scope.queries
      .insert(memberships)
      .values({ tenant_id, user_id, state: 'active', created_at: this.scope.now, accepted_at: this.scope.now })
      .onConflictDoNothing()
      .returning({ user_id: memberships.user_id })
    // If another member has added the user since, the invitation does not change the membership.
    if (joined.length > 0) await this.giveRoles(tenant_id, user_id, granted)
    this.recordChange(tenant_id, id, user_id)
    return { tenant_id, tenant_name: invitation.tenant_name }
  }

  /** @throws Problem `not_found`, `invitation_not_for_you`, `invitation_closed` */
  async decline(token: string, user_id: string): Promise<void> {
    const { tenant_id, id } = await this.mine(token, user_id)
    await this.close(tenant_id, id, { declined_at: this.scope.now })
    this.recordChange(tenant_id, id, user_id)
  }

  /**
   * Reads the open invitation of a link and locks it until the commit, so that a link works once. It locks the tenant
   * first, in the same order as an invitation is made, so that the two cannot deadlock.
   */
  private async mine(token: string, user_id: string) {
    if (!isOneTimeToken(token)) throw new Problem('not_found')
    const is_this = eq(invitations.token_digest, digestOfOneTimeToken(token))
    const [found] = await this.scope.queries
      .select({ tenant_id: invitations.tenant_id })
      .from(invitations)
      .where(is_this)
    if (found === undefined) throw new Problem('not_found')
    await lockTenant(this.scope, found.tenant_id)
    await lockSelf(this.scope, user_id)
    const [row] = await this.scope.queries
      .select({
        tenant_id: invitations.tenant_id,
        id: invitations.id,
        email: invitations.email,
        invited_by: invitations.invited_by,
        tenant_name: tenants.name,
        expires_at: invitations.expires_at,
        is_open: sql<boolean>`${isOpen} and ${isActiveTenant(this.scope.now)}`,
      })
      .from(invitations)
      .innerJoin(tenants, eq(tenants.id, invitations.tenant_id))
      .where(is_this)
      .for('update', { of: invitations })
    if (row === undefined) throw new Problem('not_found')
    const [user] = await this.scope.queries.select({ email: users.email }).from(users).where(eq(users.id, user_id))
    if (user?.email !== row.email) throw new Problem('invitation_not_for_you')
    if (!row.is_open || row.expires_at <= this.scope.now) throw new Problem('invitation_closed')
    return row
  }

  /** A pending membership is a newer decision about the user than a link. @throws Problem `invitation_closed` */
  private async checkNoOffer(tenant_id: string, user_id: string): Promise<void> {
    const offers = await this.scope.queries
      .select({ state: memberships.state })
      .from(memberships)
      .where(
        and(eq(memberships.tenant_id, tenant_id), eq(memberships.user_id, user_id), eq(memberships.state, 'pending')),
      )
    if (offers.length === 0) return
    throw new Problem('invitation_closed', {
      detail: 'A member has offered you a membership since. Accept that one: GET /v1/me lists it.',
    })
  }

  private async close(
    tenant_id: string,
    id: string,
    values: { accepted_at: string } | { declined_at: string },
  ): Promise<void> {
    await this.scope.queries
      .update(invitations)
      .set(values)
      .where(and(eq(invitations.tenant_id, tenant_id), eq(invitations.id, id)))
  }

  private rolesOf(tenant_id: string, id: string): Promise<NamedRole[]> {
    return this.scope.queries
      .select({ id: roles.id, name: roles.name, system_role: roles.system_role, scopes: roles.scopes })
      .from(invitation_roles)
      .innerJoin(roles, and(eq(roles.tenant_id, invitation_roles.tenant_id), eq(roles.id, invitation_roles.role_id)))
      .where(and(eq(invitation_roles.tenant_id, tenant_id), eq(invitation_roles.invitation_id, id)))
  }

  private async giveRoles(tenant_id: string, user_id: string, granted: readonly NamedRole[]): Promise<void> {
    if (granted.length === 0) return
    await this.scope.queries
      .insert(membership_roles)
      .values(granted.map((role) => ({ tenant_id, user_id, role_id: role.id })))
  }

  private recordChange(tenant_id: string, id: string, user_id: string): void {
    this.scope.recordChange({ kind: 'invitation', id, user_id, tenant_id, changes: { user_id } })
  }
}
