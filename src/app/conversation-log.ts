import type { ConversationLog } from '../kernel/live/conversation-log.js'
import { systemOrigin } from '../kernel/store/audit-record.js'
import type { Stores } from './composition/stores.js'

const REALTIME = systemOrigin('realtime')

/** Reads the messages of conversations with the store of their tenant. */
export function conversationLog(stores: Stores): ConversationLog {
  const storeOf = (tenant_id: string) => stores.tenant(tenant_id, () => REALTIME)
  return {
    async seen(tenant_id, principal, ids) {
      const rows = await storeOf(tenant_id).read((store) => store.conversations.seen(ids, principal))
      return new Map(rows.map(({ id, last_seq }) => [id, last_seq]))
    },
    after: (tenant_id, conversation_id, seq, limit) =>
      storeOf(tenant_id).read((store) => store.messages.after(conversation_id, seq, limit)),
  }
}
