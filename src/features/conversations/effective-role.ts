import type { TenantPrincipal } from '../../kernel/authz/principal.js'
import { Problem } from '../../kernel/problems/problems.js'
import { unreachable } from '../../kernel/unreachable.js'
import type { Caller } from './caller.js'
import type { ConversationShown } from './shown.js'
import type { ConversationRole } from './table.js'

/** What somebody may do with a conversation and its members. */
export type Standing = ConversationRole | 'none'

/**
 * Where a caller stands in a conversation that they see: their role in it. A key alone, which can only see what the
 * whole tenant sees, stands as a moderator: it opens conversations and brings people in, and touches no owner.
 *
 * A conversation that has no owner who can act, because a key opened it or its owner left the tenant, would be stuck:
 * its moderators then stand as owners, and so do keys and whoever holds `conversations:moderate`.
 */
export function standingOf({ my_role }: ConversationShown, caller: Caller, has_owner: boolean): Standing {
  const own = my_role ?? standingOfOutsider(caller.principal)
  if (has_owner) return own
  return own === 'moderator' || caller.moderates ? 'owner' : own
}

/** Where a principal stands who is no member of the conversation. */
function standingOfOutsider({ kind }: TenantPrincipal): Standing {
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
export function demand(standing: Standing, role: 'owner' | 'moderator'): void {
  const enough: readonly Standing[] = role === 'owner' ? ['owner'] : ['owner', 'moderator']
  if (!enough.includes(standing)) {
    throw new Problem('conversation_role_required', { members: { required_roles: enough } })
  }
}
