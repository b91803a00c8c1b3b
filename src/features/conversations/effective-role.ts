import { and, eq } from 'drizzle-orm'
import { isActiveMember } from '../../kernel/authz/membership.js'
import type { TenantPrincipal } from '../../kernel/authz/principal.js'
import { memberships } from '../../kernel/identity/memberships-table.js'
import { users } from '../../kernel/identity/users-table.js'
import { Problem } from '../../kernel/problems/problems.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'
import { unreachable } from '../../kernel/unreachable.js'
import type { Caller } from './caller.js'
import type { ConversationResponse } from './schema.js'
import { type ConversationRole, conversation_members } from './table.js'

/** The role of a caller after all exceptions: it decides what the caller may do with a conversation and its members. */
export type EffectiveRole = ConversationRole | 'none'

/**
 * The role of a caller in a conversation that they see. A key without a user sees only what the whole tenant sees. It
 * counts as a moderator: it opens conversations and adds people, and it cannot change an owner.
 *
 * A conversation can lack an owner who can act, because a key opened it or its owner left the tenant. Nobody could then
 * appoint one, so its moderators count as owners, and so do keys and the holders of `conversations:moderate`.
 */
export async function effectiveRole(
  scope: ReadScope,
  tenant_id: string,
  { id, my_role }: ConversationResponse,
  caller: Caller,
): Promise<EffectiveRole> {
  const own = my_role ?? roleOfOutsider(caller.principal)
  if ((await activeOwners(scope, tenant_id, id)).length > 0) return own
  return own === 'moderator' || caller.moderates ? 'owner' : own
}

/** The owners of a conversation who can act. */
export async function activeOwners(
  { queries }: ReadScope,
  tenant_id: string,
  conversation_id: string,
): Promise<string[]> {
  const rows = await queries
    .select({ user_id: conversation_members.user_id })
    .from(conversation_members)
    .innerJoin(
      memberships,
      and(
        eq(memberships.tenant_id, conversation_members.tenant_id),
        eq(memberships.user_id, conversation_members.user_id),
      ),
    )
    .innerJoin(users, eq(users.id, conversation_members.user_id))
    .where(
      and(
        eq(conversation_members.tenant_id, tenant_id),
        eq(conversation_members.conversation_id, conversation_id),
        eq(conversation_members.role, 'owner'),
        isActiveMember,
      ),
    )
  return rows.map(({ user_id }) => user_id)
}

/** The role of a principal that is not a member of the conversation. */
function roleOfOutsider({ kind }: TenantPrincipal): EffectiveRole {
  switch (kind) {
    case 'user':
      return 'none'
    case 'key':
      return 'moderator'
    default:
      return unreachable(kind)
  }
}

/** @throws Problem `conversation_role_required` */
export function requireRole(held: EffectiveRole, required: 'owner' | 'moderator'): void {
  const enough: readonly EffectiveRole[] = required === 'owner' ? ['owner'] : ['owner', 'moderator']
  if (!enough.includes(held)) {
    throw new Problem('conversation_role_required', { members: { required_roles: enough } })
  }
}
