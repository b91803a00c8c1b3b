import type { GatewayFrame } from '../../contract/stream-frames.js'
import { type ConversationEvent, isMessageEvent } from '../store/events.js'
import type { LogEnd } from './conversation-log.js'

/** A frame for many listeners. It is serialised once for each transport. */
export class Outgoing {
  #frame: Buffer | undefined
  #chunk: Buffer | undefined

  constructor(
    private readonly content: GatewayFrame,
    /** The number of the change up to which a client that receives this frame has everything. A stream continues after it. */
    private readonly id?: number,
  ) {}

  get type(): GatewayFrame['type'] {
    return this.content.type
  }

  /** `{"type", "payload", "id"}`: a frame of a WebSocket. */
  get frame(): Buffer {
    this.#frame ??= Buffer.from(JSON.stringify({ ...this.content, id: this.id }))
    return this.#frame
  }

  /** The same as a server-sent event (HTML, section 9.2). JSON has no line breaks, so `data` is one line. */
  get chunk(): Buffer {
    if (this.#chunk === undefined) {
      const id = this.id === undefined ? '' : `id: ${this.id}\n`
      this.#chunk = Buffer.concat([Buffer.from(`${id}event: ${this.type}\ndata: `), this.frame, Buffer.from('\n\n')])
    }
    return this.#chunk
  }
}

/**
 * The frame of an event. Typing and read markers have no number of their own.
 * @param position the number of the change up to which the listeners have everything
 */
export function outgoingOf(event: ConversationEvent, position: number): Outgoing {
  if (isMessageEvent(event)) return new Outgoing({ type: event.kind, payload: event.message }, event.change)
  switch (event.kind) {
    case 'chat_read':
      return new Outgoing({ type: event.kind, payload: { user_id: event.user_id, seq: event.seq } }, position)
    case 'chat_typing':
      return new Outgoing(
        { type: event.kind, payload: { user_id: event.user_id, is_typing: event.is_typing } },
        position,
      )
  }
}

/**
 * The first frame of a connection, with the end of the log.
 * @param position where the connection begins. It can be before the end, and then earlier changes follow.
 */
export function ready({ last_seq, last_change }: LogEnd, position: number): Outgoing {
  return new Outgoing({ type: 'ready', payload: { last_seq, last_change } }, position)
}
