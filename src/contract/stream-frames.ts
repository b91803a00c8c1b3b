/** A message, as the REST routes return it. These are the members that a client of the stream needs to keep its place. */
export interface StreamMessage {
  readonly id: string
  readonly seq: number
}

/** A frame that the gateway sends: JSON on a WebSocket, the `data` of a server-sent event. */
export type GatewayFrame =
  /** The first frame of a connection, with the seq of the newest message. */
  | { readonly type: 'ready'; readonly payload: { readonly last_seq: number } }
  | {
      readonly type: 'chat_message' | 'chat_message_updated' | 'chat_message_deleted'
      readonly payload: StreamMessage
    }
  | { readonly type: 'chat_read'; readonly payload: { readonly user_id: string; readonly seq: number } }
  | { readonly type: 'chat_typing'; readonly payload: { readonly user_id: string; readonly is_typing: boolean } }
  | { readonly type: 'pong'; readonly payload: Readonly<Record<string, never>> }
  /** A problem (RFC 9457). */
  | { readonly type: 'error'; readonly payload: Readonly<Record<string, unknown>> }

/** A frame that a client sends on a WebSocket. */
export type ClientFrame = { readonly type: 'ping' } | { readonly type: 'typing'; readonly is_typing: boolean }
