import type { GatewayFrame } from '../../contract/stream-frames.js'
import type { ConversationEvent } from '../store/events.js'

/** A frame for many listeners. It is serialised once for each transport. */
export class Outgoing {
  #frame: Buffer | undefined
  #chunk: Buffer | undefined

  constructor(
    private readonly content: GatewayFrame,
    /** The seq of the frame in the log. An event stream continues after it. */
    private readonly seq?: number,
  ) {}

  get type(): GatewayFrame['type'] {
    return this.content.type
  }

  /** `{"type", "payload"}`: a frame of a WebSocket. */
  get frame(): Buffer {
    this.#frame ??= Buffer.from(JSON.stringify(this.content))
    return this.#frame
  }

  /** The same as a server-sent event (HTML, section 9.2). JSON has no line breaks, so `data` is one line. */
  get chunk(): Buffer {
    if (this.#chunk === undefined) {
      const id = this.seq === undefined ? '' : `id: ${this.seq}\n`
      this.#chunk = Buffer.concat([Buffer.from(`${id}event: ${this.type}\ndata: `), this.frame, Buffer.from('\n\n')])
    }
    return this.#chunk
  }
}

/** The frame of an event. */
export function outgoingOf(event: ConversationEvent): Outgoing {
  switch (event.kind) {
    case 'chat_message':
      return new Outgoing({ type: event.kind, payload: event.message }, event.message.seq)
    case 'chat_message_updated':
    case 'chat_message_deleted':
      return new Outgoing({ type: event.kind, payload: event.message })
    case 'chat_read':
      return new Outgoing({ type: event.kind, payload: { user_id: event.user_id, seq: event.seq } })
    case 'chat_typing':
      return new Outgoing({ type: event.kind, payload: { user_id: event.user_id, is_typing: event.is_typing } })
  }
}

/** The first frame of a connection, with the newest seq. */
export function ready(last_seq: number): Outgoing {
  return new Outgoing({ type: 'ready', payload: { last_seq } }, last_seq)
}
