import { Problem } from '../problems/problems.js'
import { isEdit, type MessageEvent } from '../store/events.js'
import { tooSlow } from './congestion.js'
import type { Connection, Transport } from './connection.js'
import type { ConversationLog } from './conversation-log.js'
import type { ConversationListener, Follower } from './follower.js'
import { type Outgoing, outgoingOf, ready } from './frames.js'
import { EDITS_WAITING_MAX, REPLAY_PAGE } from './limits.js'

/**
 * The place of one connection in the log: first what it missed, then what happens, each message exactly once and in its
 * order. It goes over from one to the other at the moment at which its place is that of the follower.
 */
export class Subscription {
  /** Everything up to this seq was sent, or is not wanted. */
  #place = 0
  #is_live = false
  /** Edits of messages that were sent while others were still being read, the newest of each. */
  readonly #edits = new Map<string, MessageEvent>()

  constructor(
    private readonly follower: Follower,
    private readonly log: ConversationLog,
    private readonly connection: Connection,
    private readonly transport: Transport,
  ) {}

  /**
   * Begins: tells where the log stands, sends what is behind `after`, and goes on live. Without `after` nothing of the
   * past is sent.
   */
  async start(after: number | undefined): Promise<void> {
    const last_seq = this.follower.position
    this.#place = Math.min(after ?? last_seq, last_seq)
    this.follower.listen(this.#onEvent)
    this.transport.send(ready(last_seq))
    await this.#catchUp()
  }

  stop(): void {
    this.follower.leave(this.#onEvent)
  }

  /** Sends from the log, no faster than it is read, until the place is that of the follower. */
  async #catchUp(): Promise<void> {
    this.#is_live = false
    do {
      await this.transport.drained()
      if (this.connection.is_open && this.#place < this.follower.position) await this.#sendPage()
    } while (this.connection.is_open && this.#place < this.follower.position)
    this.#is_live = true
    for (const edit of this.#edits.values()) this.#sendEdit(edit, outgoingOf(edit))
    this.#edits.clear()
  }

  async #sendPage(): Promise<void> {
    const { tenant_id, conversation_id } = this.follower
    const rows = await this.log.after(tenant_id, conversation_id, this.#place, REPLAY_PAGE)
    for (const message of rows) {
      this.transport.send(outgoingOf({ kind: 'chat_message', tenant_id, conversation_id, message }))
    }
    this.#place = rows.at(-1)?.seq ?? this.follower.position
  }

  readonly #onEvent: ConversationListener = (event, outgoing) => {
    if (event.kind === 'chat_message') this.#onMessage(event, outgoing)
    else if (isEdit(event)) this.#onEdit(event, outgoing)
    else if (!this.transport.is_congested) this.transport.send(outgoing)
  }

  #onMessage({ message }: MessageEvent, outgoing: Outgoing): void {
    // While it reads from the log, it finds this one there.
    if (!this.#is_live || message.seq <= this.#place) return
    if (this.transport.is_congested) {
      this.#catchUp().catch((error: unknown) => this.#fail(error))
      return
    }
    this.#place = message.seq
    this.transport.send(outgoing)
  }

  #onEdit(event: MessageEvent, outgoing: Outgoing): void {
    if (this.#is_live && !this.transport.is_congested) {
      this.#sendEdit(event, outgoing)
      return
    }
    // The page that is being read may be older than this edit.
    this.#edits.set(event.message.id, event)
    if (this.#edits.size > EDITS_WAITING_MAX) this.connection.end(tooSlow())
    else if (this.#is_live) this.#catchUp().catch((error: unknown) => this.#fail(error))
  }

  #sendEdit(event: MessageEvent, outgoing: Outgoing): void {
    if (event.message.seq <= this.#place) this.transport.send(outgoing)
  }

  /** What cannot be read is the end of the connection: its client comes back and goes on where it was. */
  #fail(error: unknown): void {
    const problem = error instanceof Problem ? error : new Problem('internal_error', { cause: error })
    this.connection.end({ problem })
  }
}
