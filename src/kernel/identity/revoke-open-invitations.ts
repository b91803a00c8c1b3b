import { and, eq, isNull } from 'drizzle-orm'
import type { WriteScope } from '../store/unit-of-work.js'
import { invitations } from './invitations-table.js'

/** The condition of an open invitation: neither accepted, declined nor revoked. */
export const isOpen = and(
  isNull(invitations.accepted_at),
  isNull(invitations.declined_at),
  isNull(invitations.revoked_at),
)

/**
 * Revokes the open invitations of a tenant to an address, so that an older link cannot undo a newer decision about the user.
 * @param email undefined for a user whose address the tenant does not see
 * @returns the ids of the invitations for the audit, if there were any
 */
export async function revokeOpenInvitations(
  scope: WriteScope,
  tenant_id: string,
  email: string | undefined,
): Promise<{ revoked_invitations?: string[] }> {
  if (email === undefined) return {}
  const revoked = await scope.queries
    .update(invitations)
    .set({ revoked_at: scope.now })
    .where(and(eq(invitations.tenant_id, tenant_id), eq(invitations.email, email), isOpen))
    .returning({ id: invitations.id })
  return revoked.length === 0 ? {} : { revoked_invitations: revoked.map(({ id }) => id) }
}

/** Revokes every open invitation of a tenant. @returns the number of invitations that this call revoked */
export async function revokeEveryInvitation(scope: WriteScope, tenant_id: string): Promise<number> {
  const revoked = await scope.queries
    .update(invitations)
    .set({ revoked_at: scope.now })
    .where(and(eq(invitations.tenant_id, tenant_id), isOpen))
    .returning({ id: invitations.id })
  return revoked.length
}
