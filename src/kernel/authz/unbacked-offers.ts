import { and, eq, inArray, isNotNull } from 'drizzle-orm'
import { invitation_roles, invitations } from '../identity/invitations-table.js'
import { membership_roles, memberships } from '../identity/memberships-table.js'
import { isOpen } from '../identity/revoke-open-invitations.js'
import { roles } from '../identity/roles-table.js'
import { canGrant } from '../permissions/escalation.js'
import type { RoleFact } from '../permissions/roles.js'
import { BUILT_IN_SCOPES } from '../permissions/scope-catalogue.js'
import type { WriteScope } from '../store/unit-of-work.js'
import { findActor } from './actor.js'

/** What a change withdrew, for its audit event. A part without ids is absent. */
export interface Withdrawn {
  readonly revoked_invitations?: readonly string[]
  /** The users whose pending memberships were deleted. */
  readonly withdrawn_memberships?: readonly string[]
}

/**
 * Withdraws what members of a tenant offered and could not offer any more: open invitations and pending memberships. Each
 * change that takes rights from members calls it at its end, under the lock of the tenant. Otherwise a member who is removed
 * could come back with an invitation that they sent to a second address. The acceptance checks the inviter again, because a
 * user can also be disabled, and an upstream can add scopes.
 *
 * @param also the invitations that the change has revoked for another reason
 */
export async function withdrawUnbackedOffers(
  scope: WriteScope,
  tenant_id: string,
  also: { readonly revoked_invitations?: readonly string[] } = {},
): Promise<Withdrawn> {
  const invited = await unbacked(scope, tenant_id, await openInvitations(scope, tenant_id))
  if (invited.length > 0) {
    await scope.queries
      .update(invitations)
      .set({ revoked_at: scope.now })
      .where(and(eq(invitations.tenant_id, tenant_id), inArray(invitations.id, invited), isOpen))
  }
  const offered = await unbacked(scope, tenant_id, await pendingMemberships(scope, tenant_id))
  if (offered.length > 0) {
    await scope.queries.delete(memberships).where(and(isPendingIn(tenant_id), inArray(memberships.user_id, offered)))
  }
  const revoked = [...(also.revoked_invitations ?? []), ...invited]
  return {
    ...(revoked.length > 0 && { revoked_invitations: revoked }),
    ...(offered.length > 0 && { withdrawn_memberships: offered }),
  }
}

/** An offer with one of its roles. Null for an offer without roles. */
interface OfferRow {
  readonly id: string
  readonly invited_by: string | null
  readonly name: string | null
  readonly system_role: RoleFact['system_role']
  readonly scopes: readonly string[] | null
}

/** The ids of the offers whose inviter cannot grant all roles of the offer now. */
async function unbacked(scope: WriteScope, tenant_id: string, rows: readonly OfferRow[]): Promise<string[]> {
  const found: string[] = []
  for (const [inviter_id, offers] of byInviter(rows)) {
    const inviter = await findActor(scope, tenant_id, inviter_id, ['users:manage'])
    for (const [id, granted] of offers) {
      if (inviter === undefined || !canGrant(inviter, granted, BUILT_IN_SCOPES)) found.push(id)
    }
  }
  return found
}

/** The roles of each offer, by inviter and by offer. */
function byInviter(rows: readonly OfferRow[]): Map<string, Map<string, RoleFact[]>> {
  const found = new Map<string, Map<string, RoleFact[]>>()
  for (const { id, invited_by, name, system_role, scopes } of rows) {
    const offers = found.get(String(invited_by)) ?? new Map<string, RoleFact[]>()
    found.set(String(invited_by), offers)
    const granted = offers.get(id) ?? []
    offers.set(id, granted)
    if (name !== null && scopes !== null) granted.push({ name, system_role, scopes })
  }
  return found
}

const ROLE = { name: roles.name, system_role: roles.system_role, scopes: roles.scopes }

function openInvitations({ queries }: WriteScope, tenant_id: string): Promise<OfferRow[]> {
  return queries
    .select({ id: invitations.id, invited_by: invitations.invited_by, ...ROLE })
    .from(invitations)
    .leftJoin(
      invitation_roles,
      and(eq(invitation_roles.tenant_id, invitations.tenant_id), eq(invitation_roles.invitation_id, invitations.id)),
    )
    .leftJoin(roles, and(eq(roles.tenant_id, invitation_roles.tenant_id), eq(roles.id, invitation_roles.role_id)))
    .where(and(eq(invitations.tenant_id, tenant_id), isNotNull(invitations.invited_by), isOpen))
}

function pendingMemberships({ queries }: WriteScope, tenant_id: string): Promise<OfferRow[]> {
  return queries
    .select({ id: memberships.user_id, invited_by: memberships.invited_by, ...ROLE })
    .from(memberships)
    .leftJoin(
      membership_roles,
      and(eq(membership_roles.tenant_id, memberships.tenant_id), eq(membership_roles.user_id, memberships.user_id)),
    )
    .leftJoin(roles, and(eq(roles.tenant_id, membership_roles.tenant_id), eq(roles.id, membership_roles.role_id)))
    .where(and(isPendingIn(tenant_id), isNotNull(memberships.invited_by)))
}

function isPendingIn(tenant_id: string) {
  return and(eq(memberships.tenant_id, tenant_id), eq(memberships.state, 'pending'))
}
