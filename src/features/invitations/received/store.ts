import { and, eq, isNull } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { lockSelf } from '../../../kernel/authz/actor.js'
import { invitations } from '../../../kernel/identity/invitations-table.js'
import { lockTenant } from '../../../kernel/identity/lock-tenant.js'
import { membership_roles, memberships } from '../../../kernel/identity/memberships-table.js'
import type { NamedRole } from '../../../kernel/identity/named-roles.js'
import { tenants } from '../../../kernel/identity/tenants-table.js'
import { users } from '../../../kernel/identity/users-table.js'
import { lockVerifiedUser, type VerifiedLogin } from '../../../kernel/identity/verified-login.js'
import type { ScopeCatalogue } from '../../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { WriteScope } from '../../../kernel/store/unit-of-work.js'
import { ReceivedInvitationsReader, unknownLink } from './reader.js'

/** How a user proves that they consent: by the session of the request, or by the password that they have just entered. */
export type Consent =
  | { readonly kind: 'session'; readonly user_id: string }
  | { readonly kind: 'password'; readonly login: VerifiedLogin }

/** The tenant that a user has joined. */
export interface JoinedTenant {
  readonly tenant_id: string
  readonly tenant_name: string
}

/** A person without a user, who chooses name and password. */
export interface NewUserInput {
  readonly name: string
  readonly password_hash: string
}

export class ReceivedInvitationsWriter extends ReceivedInvitationsReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /**
   * Adds an existing user as a member with the roles of the invitation. The link was sent to the mailbox of the user, so it
   * also verifies the address. The link alone is not enough: the user proves who they are.
   *
   * @throws Problem `not_found`, `invitation_not_for_you`, `invitation_closed`, `invalid_credentials`
   */
  async accept(token: string, consent: Consent, catalogue: ScopeCatalogue): Promise<JoinedTenant> {
    const user_id = idOf(consent)
    const invitation = await this.lockMine(token, consent)
    const granted = await this.grantedBy(invitation, catalogue)
    await this.checkNoOffer(invitation.tenant_id, user_id)
    await this.scope.queries
      .update(users)
      .set({ email_verified_at: this.scope.now })
      .where(and(eq(users.id, user_id), isNull(users.email_verified_at)))
    await this.admit(invitation, user_id, granted)
    return invitation
  }

  /**
   * Creates the user of the invited address and adds it as a member with the roles of the invitation. The link is the proof
   * of the address, so the address is verified. A user who has the address already is not changed.
   *
   * @throws Problem `not_found`, `invitation_closed`, `already_registered`
   */
  async join(
    token: string,
    { name, password_hash }: NewUserInput,
    catalogue: ScopeCatalogue,
  ): Promise<JoinedTenant & { readonly user_id: string; readonly email: string }> {
    await lockTenant(this.scope, await this.tenantOf(token))
    const invitation = await this.lock(token)
    if (!invitation.is_open) throw new Problem('invitation_closed')
    const granted = await this.grantedBy(invitation, catalogue)
    const { email } = invitation
    const { now } = this.scope
    const [user] = await this.scope.queries
      .insert(users)
      .values({ id: uuidv7(), email, name, password_hash, email_verified_at: now, created_at: now })
      .onConflictDoNothing()
      .returning({ id: users.id })
    if (user === undefined) throw new Problem('already_registered')
    await this.admit(invitation, user.id, granted)
    return { ...invitation, user_id: user.id }
  }

  /** @throws Problem `not_found`, `invitation_not_for_you`, `invitation_closed` */
  async decline(token: string, user_id: string): Promise<void> {
    const { tenant_id, id } = await this.lockMine(token, { kind: 'session', user_id })
    await this.close(tenant_id, id, { declined_at: this.scope.now })
    this.recordChange(tenant_id, id, user_id)
  }

  /**
   * Reads the open invitation of a link to a user and locks it until the commit, so that a link works once. It locks the
   * tenant first, in the same order as an invitation is made, so that the two cannot deadlock.
   */
  private async lockMine(token: string, consent: Consent) {
    await lockTenant(this.scope, await this.tenantOf(token))
    if (consent.kind === 'session') await lockSelf(this.scope, consent.user_id)
    else await lockVerifiedUser(this.scope, consent.login)
    const invitation = await this.lock(token)
    const [user] = await this.scope.queries
      .select({ email: users.email })
      .from(users)
      .where(eq(users.id, idOf(consent)))
    if (user?.email !== invitation.email) throw new Problem('invitation_not_for_you')
    if (!invitation.is_open) throw new Problem('invitation_closed')
    return invitation
  }

  private async tenantOf(token: string): Promise<string> {
    const [found] = await this.scope.queries
      .select({ tenant_id: invitations.tenant_id })
      .from(invitations)
      .where(this.isOfLink(token))
    if (found === undefined) throw unknownLink()
    return found.tenant_id
  }

  /** Locks the invitation of a link. The caller has locked the tenant. */
  private async lock(token: string) {
    const [row] = await this.scope.queries
      .select({
        tenant_id: invitations.tenant_id,
        id: invitations.id,
        email: invitations.email,
        invited_by: invitations.invited_by,
        tenant_name: tenants.name,
        is_open: this.isOpenNow(),
      })
      .from(invitations)
      .innerJoin(tenants, eq(tenants.id, invitations.tenant_id))
      .where(this.isOfLink(token))
      .for('update', { of: invitations })
    if (row === undefined) throw unknownLink()
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

  /** Uses the invitation, and makes the user a member. */
  private async admit(
    { tenant_id, id }: { readonly tenant_id: string; readonly id: string },
    user_id: string,
    granted: readonly NamedRole[],
  ): Promise<void> {
    const { queries, now } = this.scope
    await this.close(tenant_id, id, { accepted_at: now })
    const joined = await queries
      .insert(memberships)
      .values({ tenant_id, user_id, state: 'active', created_at: now, accepted_at: now })
      .onConflictDoNothing()
      .returning({ user_id: memberships.user_id })
    // If another member has added the user since, the invitation does not change the membership.
    if (joined.length > 0 && granted.length > 0) {
      await queries.insert(membership_roles).values(granted.map((role) => ({ tenant_id, user_id, role_id: role.id })))
    }
    this.recordChange(tenant_id, id, user_id)
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

  private recordChange(tenant_id: string, id: string, user_id: string): void {
    this.scope.recordChange({ kind: 'invitation', id, user_id, tenant_id, changes: { user_id } })
  }
}

function idOf(consent: Consent): string {
  return consent.kind === 'session' ? consent.user_id : consent.login.id
}
