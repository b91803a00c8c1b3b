import { Problem } from '../problems/problems.js'
import { isEdit, type MessageEvent } from '../store/events.js'
import { tooSlow } from './congestion.js'
import type { Connection, Transport } from './connection.js'
import type { ConversationLog } from './conversation-log.js'
import type { ConversationListener, Follower } from './follower.js'
import { type Outgoing, outgoingOf, ready } from './frames.js'
import { EDITS_WAITING_MAX, REPLAY_PAGE } from './limits.js'

/**
 * Sends the messages of a conversation to one connection: first those of the log, then new ones. It sends each message
 * once, in the order of seq. It changes from the log to new messages when it has sent as far as the follower has read.
 */
export class Subscription {
  /** The seq up to which every message was sent, or is not wanted. */
  #sent_seq = 0
  #is_live = false
  /** The newest edit of each message that was edited while the subscription read from the log. */
  readonly #edits = new Map<string, MessageEvent>()

  constructor(
    private readonly follower: Follower,
    private readonly log: ConversationLog,
    private readonly connection: Connection,
    private readonly transport: Transport,
  ) {}

  /** Sends `ready`, then every message after `after`, then new messages. Without `after` it sends only new messages. */
  async start(after: number | undefined): Promise<void> {
    const last_seq = this.follower.position
    this.#sent_seq = Math.min(after ?? last_seq, last_seq)
    this.follower.listen(this.#onEvent)
    this.transport.send(ready(last_seq))
    await this.#catchUp()
  }

  stop(): void {
    this.follower.leave(this.#onEvent)
  }

  /** Sends from the log as fast as the client reads, until the follower has nothing more. */
  async #catchUp(): Promise<void> {
    this.#is_live = false
    do {
      await this.transport.drained()
      if (this.connection.is_open && this.#sent_seq < this.follower.position) await this.#sendPage()
    } while (this.connection.is_open && this.#sent_seq < this.follower.position)
    this.#is_live = true
    for (const edit of this.#edits.values()) this.#sendEdit(edit, outgoingOf(edit))
    this.#edits.clear()
  }

  async #sendPage(): Promise<void> {
    const { tenant_id, conversation_id } = this.follower
    const rows = await this.log.after(tenant_id, conversation_id, this.#sent_seq, REPLAY_PAGE)
    for (const message of rows) {
      this.transport.send(outgoingOf({ kind: 'chat_message', tenant_id, conversation_id, message }))
    }
    this.#sent_seq = rows.at(-1)?.seq ?? this.follower.position
  }

  readonly #onEvent: ConversationListener = (event, outgoing) => {
    if (event.kind === 'chat_message') this.#onMessage(event, outgoing)
    else if (isEdit(event)) this.#onEdit(event, outgoing)
    else if (!this.transport.is_congested) this.transport.send(outgoing)
  }

  #onMessage({ message }: MessageEvent, outgoing: Outgoing): void {
    // The log has this message too, and the subscription still reads from it.
    if (!this.#is_live || message.seq <= this.#sent_seq) return
    if (this.transport.is_congested) {
      this.#catchUp().catch((error: unknown) => this.#fail(error))
      return
    }
    this.#sent_seq = message.seq
    this.transport.send(outgoing)
  }

  #onEdit(event: MessageEvent, outgoing: Outgoing): void {
    if (this.#is_live && !this.transport.is_congested) {
      this.#sendEdit(event, outgoing)
      return
    }
    // A page of the log that was read before the edit has the old text.
    this.#edits.set(event.message.id, event)
    if (this.#edits.size > EDITS_WAITING_MAX) this.connection.end(tooSlow())
    else if (this.#is_live) this.#catchUp().catch((error: unknown) => this.#fail(error))
  }

  #sendEdit(event: MessageEvent, outgoing: Outgoing): void {
    if (event.message.seq <= this.#sent_seq) this.transport.send(outgoing)
  }

  /** Ends the connection if the log cannot be read. The client reconnects and continues after its last message. */
  #fail(error: unknown): void {
    const problem = error instanceof Problem ? error : new Problem('internal_error', { cause: error })
    this.connection.end({ problem })
  }
}
