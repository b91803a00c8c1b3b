import type { StreamMessage } from '../../contract/stream-frames.js'
import type { TenantPrincipal } from '../authz/principal.js'

/** The messages of conversations as the database has them: the one source of everything that is told live. */
export interface ConversationLog {
  /** Of these conversations, those that the principal sees, with the seq of the newest message of each. */
  seen(tenant_id: string, principal: TenantPrincipal, ids: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Messages behind a seq, in their order. */
  after(tenant_id: string, conversation_id: string, seq: number, limit: number): Promise<readonly StreamMessage[]>
}
