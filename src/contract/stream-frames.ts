/** A message, as the REST routes return it. These are the members that a client of the stream needs to keep its place. */
export interface StreamMessage {
  readonly id: string
  readonly seq: number
  /** The number of its latest change in the conversation. */
  readonly change: number
}

/** The kinds of changes of a message. Each has a number in its conversation. */
export const MESSAGE_CHANGES = ['chat_message', 'chat_message_updated', 'chat_message_deleted'] as const
export type MessageChange = (typeof MESSAGE_CHANGES)[number]

/**
 * A frame that the gateway sends: JSON on a WebSocket, the `data` of a server-sent event. All but `pong` and `error` also
 * have an `id`: the number of the change up to which the client has everything. A stream continues after it.
 */
export type GatewayFrame =
  /** The first frame of a connection, with the seq of the newest message and the number of the newest change. */
  | { readonly type: 'ready'; readonly payload: { readonly last_seq: number; readonly last_change: number } }
  | { readonly type: MessageChange; readonly payload: StreamMessage }
  | { readonly type: 'chat_read'; readonly payload: { readonly user_id: string; readonly seq: number } }
  | { readonly type: 'chat_typing'; readonly payload: { readonly user_id: string; readonly is_typing: boolean } }
  | { readonly type: 'pong'; readonly payload: Readonly<Record<string, never>> }
  /** A problem (RFC 9457). */
  | { readonly type: 'error'; readonly payload: Readonly<Record<string, unknown>> }

/** A frame that a client sends on a WebSocket. */
export type ClientFrame = { readonly type: 'ping' } | { readonly type: 'typing'; readonly is_typing: boolean }
