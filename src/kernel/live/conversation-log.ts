import type { StreamMessage } from '../../contract/stream-frames.js'
import type { TenantPrincipal } from '../authz/principal.js'

/** The messages of conversations in the database. Every message that a stream delivers can be read here. */
export interface ConversationLog {
  /** Those of the conversations that the principal sees, each with the seq of its newest message. */
  seen(tenant_id: string, principal: TenantPrincipal, ids: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Messages after a seq, in the order of seq. */
  after(tenant_id: string, conversation_id: string, seq: number, limit: number): Promise<readonly StreamMessage[]>
}
