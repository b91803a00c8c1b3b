import { and, eq, inArray, isNotNull } from 'drizzle-orm'
import { invitation_roles, invitations } from '../identity/invitations-table.js'
import { isOpen } from '../identity/revoke-open-invitations.js'
import { roles } from '../identity/roles-table.js'
import { canGrant } from '../permissions/escalation.js'
import type { RoleFact } from '../permissions/roles.js'
import { BUILT_IN_SCOPES } from '../permissions/scope-catalogue.js'
import type { WriteScope } from '../store/unit-of-work.js'
import { findActor } from './actor.js'

/**
 * Revokes the open invitations of a tenant whose inviter could not make them any more. Each change that takes rights from
 * members calls it at its end, under the lock of the tenant. Otherwise a member who is removed could come back with an
 * invitation that they sent to a second address. The acceptance of an invitation checks its inviter again, because a user
 * can also be disabled, and an upstream can add scopes.
 *
 * @param also the invitations that the change has revoked for another reason
 * @returns the ids of all these invitations for the audit, if there were any
 */
export async function revokeUnbackedInvitations(
  scope: WriteScope,
  tenant_id: string,
  also: { readonly revoked_invitations?: readonly string[] } = {},
): Promise<{ revoked_invitations?: string[] }> {
  const revoked: string[] = [...(also.revoked_invitations ?? [])]
  for (const [inviter_id, sent] of await openInvitationsByInviter(scope, tenant_id)) {
    const inviter = await findActor(scope, tenant_id, inviter_id, ['users:manage'])
    for (const [id, granted] of sent) {
      if (inviter === undefined || !canGrant(inviter, granted, BUILT_IN_SCOPES)) revoked.push(id)
    }
  }
  if (revoked.length === 0) return {}
  await scope.queries
    .update(invitations)
    .set({ revoked_at: scope.now })
    .where(and(eq(invitations.tenant_id, tenant_id), inArray(invitations.id, revoked), isOpen))
  return { revoked_invitations: revoked }
}

/** The roles of each open invitation that a member sent, by inviter and by invitation. */
async function openInvitationsByInviter(
  { queries }: WriteScope,
  tenant_id: string,
): Promise<Map<string, Map<string, RoleFact[]>>> {
  const rows = await queries
    .select({
      id: invitations.id,
      invited_by: invitations.invited_by,
      name: roles.name,
      system_role: roles.system_role,
      scopes: roles.scopes,
    })
    .from(invitations)
    .leftJoin(
      invitation_roles,
      and(eq(invitation_roles.tenant_id, invitations.tenant_id), eq(invitation_roles.invitation_id, invitations.id)),
    )
    .leftJoin(roles, and(eq(roles.tenant_id, invitation_roles.tenant_id), eq(roles.id, invitation_roles.role_id)))
    .where(and(eq(invitations.tenant_id, tenant_id), isNotNull(invitations.invited_by), isOpen))
  const found = new Map<string, Map<string, RoleFact[]>>()
  for (const { id, invited_by, name, system_role, scopes } of rows) {
    const sent = found.get(String(invited_by)) ?? new Map<string, RoleFact[]>()
    found.set(String(invited_by), sent)
    const granted = sent.get(id) ?? []
    sent.set(id, granted)
    if (name !== null && scopes !== null) granted.push({ name, system_role, scopes })
  }
  return found
}
