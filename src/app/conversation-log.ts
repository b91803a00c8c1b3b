import type { Database } from '../kernel/database/database.js'
import type { ConversationLog } from '../kernel/live/conversation-log.js'
import type { Clock } from '../kernel/time/clock.js'
import { TenantStore } from './stores/tenant-store.js'

const NOBODY = { actor: { kind: 'system' as const, id: 'realtime' }, address: null, user_agent: null, request_id: null }

/** The log of the database, read as the tenant whose conversation it is. */
export function conversationLog(database: Database, clock: Clock): ConversationLog {
  const storeOf = (tenant_id: string) => new TenantStore(database, tenant_id, clock, () => NOBODY)
  return {
    async seen(tenant_id, principal, ids) {
      const rows = await storeOf(tenant_id).read((store) => store.conversations.seen(ids, principal))
      return new Map(rows.map(({ id, last_seq }) => [id, last_seq]))
    },
    after: (tenant_id, conversation_id, seq, limit) =>
      storeOf(tenant_id).read((store) => store.messages.after(conversation_id, seq, limit)),
  }
}
