import type { Principal } from '../kernel/authz/principal.js'
import type { Database } from '../kernel/database/database.js'
import type { LiveMessage } from '../kernel/store/events.js'
import type { Clock } from '../kernel/time/clock.js'
import { TenantStore } from './stores/tenant-store.js'

/** The messages of conversations as the database has them: the one source of everything that is told live. */
export interface ConversationLog {
  /** Of these conversations, those that the principal sees, with the seq of the newest message of each. */
  seen(tenant_id: string, principal: Principal, ids: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Messages behind a seq, in their order. */
  after(tenant_id: string, conversation_id: string, seq: number, limit: number): Promise<readonly LiveMessage[]>
}

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
