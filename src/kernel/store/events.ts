import { MESSAGE_CHANGES, type MessageChange, type StreamMessage } from '../../contract/stream-frames.js'

interface InConversation {
  readonly tenant_id: string
  readonly conversation_id: string
}

/** A new, edited or deleted message. */
export interface MessageEvent extends InConversation {
  readonly kind: MessageChange
  /** The number of this change in the conversation. The message may have changed again since. */
  readonly change: number
  readonly message: StreamMessage
}

/** The log of a conversation has a new change, which another replica wrote. The listeners read it from the log. */
export interface LogGrownEvent extends InConversation {
  readonly kind: 'log_grown'
  readonly change: number
}

/** The read marker of a user. */
export interface ReadEvent extends InConversation {
  readonly kind: 'chat_read'
  readonly user_id: string
  readonly seq: number
}

/** A user started or stopped typing. It is not stored. */
export interface TypingEvent extends InConversation {
  readonly kind: 'chat_typing'
  readonly user_id: string
  readonly is_typing: boolean
}

/**
 * A change of rights. The gateway checks the open connections that it concerns again. Null means any: a change of a role
 * concerns every user of its tenant, and a change of a user concerns every tenant.
 */
export interface RightsEvent {
  readonly kind: 'rights_changed'
  readonly tenant_id: string | null
  readonly user_id: string | null
  readonly conversation_id: string | null
}

/** A mail is in the queue. The sender of this process starts at once, and does not wait for its next round. */
export interface MailQueuedEvent {
  readonly kind: 'mail_queued'
}

/** An event of a conversation, for its listeners. */
export type ConversationEvent = MessageEvent | ReadEvent | TypingEvent

/** An event that is published after its commit. */
export type LiveEvent = ConversationEvent | LogGrownEvent | RightsEvent | MailQueuedEvent

/** Checks whether an event is a change of a message, which has a number in the log of its conversation. */
export function isMessageEvent(event: ConversationEvent): event is MessageEvent {
  return (MESSAGE_CHANGES as readonly string[]).includes(event.kind)
}
