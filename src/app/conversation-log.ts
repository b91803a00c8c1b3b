import type { ConversationLog } from '../kernel/live/conversation-log.js'
import { systemOrigin } from '../kernel/store/audit-record.js'
import type { Stores } from './composition/stores.js'

const REALTIME = systemOrigin('realtime')

/** Reads the changes of conversations with the store of their tenant. */
export function conversationLog(stores: Stores): ConversationLog {
  const storeOf = (tenant_id: string) => stores.tenant(tenant_id, () => REALTIME)
  return {
    async seen(tenant_id, principal, ids) {
      const rows = await storeOf(tenant_id).read((store) => store.conversations.seen(ids, principal))
      return new Map(rows.map(({ id, ...end }) => [id, end]))
    },
    changes: (tenant_id, conversation_id, after, limit) =>
      storeOf(tenant_id).read((store) => store.messages.changes(conversation_id, after, limit)),
    exists: (tenant_id, conversation_id, after) =>
      storeOf(tenant_id).read((store) => store.messages.exists(conversation_id, after)),
    changeOfSeq: (tenant_id, conversation_id, seq) =>
      storeOf(tenant_id).read((store) => store.messages.changeOfSeq(conversation_id, seq)),
  }
}
