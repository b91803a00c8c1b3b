import { Type } from 'typebox'
import { Check } from 'typebox/value'
import { Problem } from '../problems/problems.js'
import { closed } from '../rest/schemas.js'
import type { ConversationEvent } from '../store/events.js'

/** What a client may say on a socket. */
export type ClientFrame = { readonly type: 'ping' } | { readonly type: 'typing'; readonly is_typing: boolean }

const CLIENT_FRAMES = {
  ping: closed({ type: Type.Literal('ping') }),
  typing: closed({ type: Type.Literal('typing'), is_typing: Type.Boolean() }),
}

/**
 * Reads a frame of a client.
 * @throws Problem `malformed_json`, `validation_failed`
 */
export function readClientFrame(text: string): ClientFrame {
  const frame = parse(text)
  const type = (frame as { type?: unknown } | null)?.type
  const schema = type === 'ping' || type === 'typing' ? CLIENT_FRAMES[type] : undefined
  if (schema === undefined) throw invalid('/type', 'must be one of ping, typing')
  if (!Check(schema, frame))
    throw invalid('', type === 'typing' ? 'must be {type, is_typing: boolean}' : 'must be {type}')
  return frame as ClientFrame
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Problem('malformed_json', { cause: error })
  }
}

function invalid(pointer: string, message: string): Problem {
  return new Problem('validation_failed', { members: { errors: [{ pointer, message }] } })
}

/** Something for listeners, written once for all of them, in the form of each way to listen. */
export class Outgoing {
  #frame: Buffer | undefined
  #chunk: Buffer | undefined

  constructor(
    readonly type: string,
    private readonly payload: unknown,
    /** The place in the log, by which a stream of events is continued. */
    private readonly place?: number,
  ) {}

  /** `{"type", "payload"}`: a frame of a WebSocket. */
  get frame(): Buffer {
    this.#frame ??= Buffer.from(JSON.stringify({ type: this.type, payload: this.payload }))
    return this.#frame
  }

  /** The same as a server-sent event; JSON has no line breaks, so it is one line. */
  get chunk(): Buffer {
    if (this.#chunk === undefined) {
      const id = this.place === undefined ? '' : `id: ${this.place}\n`
      this.#chunk = Buffer.concat([Buffer.from(`${id}event: ${this.type}\ndata: `), this.frame, Buffer.from('\n\n')])
    }
    return this.#chunk
  }
}

/** An event of a conversation as its listeners get it. */
export function outgoingOf(event: ConversationEvent): Outgoing {
  switch (event.kind) {
    case 'chat_message':
      return new Outgoing(event.kind, event.message, event.message.seq)
    case 'chat_message_updated':
    case 'chat_message_deleted':
      return new Outgoing(event.kind, event.message)
    case 'chat_read':
      return new Outgoing(event.kind, { user_id: event.user_id, seq: event.seq })
    case 'chat_typing':
      return new Outgoing(event.kind, { user_id: event.user_id, is_typing: event.is_typing })
  }
}

/** The first frame: where the log stands as the connection begins. */
export function ready(last_seq: number): Outgoing {
  return new Outgoing('ready', { last_seq }, last_seq)
}
