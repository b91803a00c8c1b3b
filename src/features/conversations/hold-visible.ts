import { and, eq } from 'drizzle-orm'
import type { TenantPrincipal } from '../../kernel/authz/principal.js'
import type { WriteScope } from '../../kernel/store/unit-of-work.js'
import { ConversationsReader } from './reader.js'
import type { ConversationResponse } from './schema.js'
import { conversations } from './table.js'

/**
 * Reads a conversation as its reader sees it. Until the commit it locks out the removal of the reader, a change of visibility
 * and a close, so that the checks still hold when the write is committed.
 *
 * @param strength `key share` lets others write messages at the same time; `no key update` does not, for a writer that takes a
 * number of the conversation
 * @throws Problem `not_found`
 */
export async function holdVisible(
  scope: WriteScope,
  tenant_id: string,
  id: string,
  principal: TenantPrincipal,
  strength: 'key share' | 'no key update' = 'key share',
): Promise<ConversationResponse> {
  await scope.queries
    .select({ id: conversations.id })
    .from(conversations)
    .where(and(eq(conversations.tenant_id, tenant_id), eq(conversations.id, id)))
    .for(strength)
  return new ConversationsReader(scope, tenant_id).visible(id, principal)
}
