import type { StreamMessage } from '../../contract/stream-frames.js'

interface InConversation {
  readonly tenant_id: string
  readonly conversation_id: string
}

/** A new message, or what an edit or a deletion made of one. */
export interface MessageEvent extends InConversation {
  readonly kind: 'chat_message' | 'chat_message_updated' | 'chat_message_deleted'
  readonly message: StreamMessage
}

/** How far somebody has read. */
export interface ReadEvent extends InConversation {
  readonly kind: 'chat_read'
  readonly user_id: string
  readonly seq: number
}

/** Somebody began or stopped to type. It is never stored. */
export interface TypingEvent extends InConversation {
  readonly kind: 'chat_typing'
  readonly user_id: string
  readonly is_typing: boolean
}

/**
 * Something changed that may decide who sees what: open connections that it could concern ask again. Null is "any": a
 * change of a role concerns every user of its tenant, one of a user every tenant.
 */
export interface RightsEvent {
  readonly kind: 'rights_changed'
  readonly tenant_id: string | null
  readonly user_id: string | null
  readonly conversation_id: string | null
}

/** What happens in a conversation, and goes to those who listen to it. */
export type ConversationEvent = MessageEvent | ReadEvent | TypingEvent

/** A fact that others are told, after its commit and never before. */
export type LiveEvent = ConversationEvent | RightsEvent

/** Whether an event is about a message that was told before. */
export function isEdit(event: ConversationEvent): event is MessageEvent {
  return event.kind === 'chat_message_updated' || event.kind === 'chat_message_deleted'
}
