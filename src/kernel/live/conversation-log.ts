import type { MessageChange, StreamMessage } from '../../contract/stream-frames.js'
import type { TenantPrincipal } from '../authz/principal.js'

/** The end of the log of a conversation. */
export interface LogEnd {
  /** The seq of the newest message. */
  readonly last_seq: number
  /** The number of the newest change. */
  readonly last_change: number
}

/** A position of a client in the log: it has the messages up to a seq, or everything up to a change. */
export type LogPosition = { readonly seq: number } | { readonly change: number }

/** A change in the log of a conversation, with the message as it is now. */
export interface LogEntry {
  readonly change: number
  readonly kind: MessageChange
  /** The number of the change that created the message. */
  readonly created_change: number
  readonly message: StreamMessage
}

/** The changes of conversations in the database. Every change that a stream delivers can be read here. */
export interface ConversationLog {
  /** Those of the conversations that the principal sees, each with the end of its log. */
  seen(tenant_id: string, principal: TenantPrincipal, ids: readonly string[]): Promise<ReadonlyMap<string, LogEnd>>
  /**
   * Changes after a number, in their order. A message that changed several times has at most two entries: one for its
   * creation, and one for its latest change. The entries are read at one moment.
   */
  changes(tenant_id: string, conversation_id: string, after: number, limit: number): Promise<readonly LogEntry[]>
  /** The number of the change that created the newest message up to a seq; 0 if there is no such message. */
  changeOfSeq(tenant_id: string, conversation_id: string, seq: number): Promise<number>
  /** Whether messages or changes after a position exist. The retention of the tenant deletes messages. */
  exists(tenant_id: string, conversation_id: string, after: LogPosition): Promise<boolean>
}
