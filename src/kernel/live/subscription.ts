import { Problem } from '../problems/problems.js'
import { type ConversationEvent, isMessageEvent, type MessageEvent } from '../store/events.js'
import type { Connection, Transport } from './connection.js'
import type { ConversationLog, LogEntry } from './conversation-log.js'
import type { ConversationListener, Follower } from './follower.js'
import { type Outgoing, outgoingOf, ready } from './frames.js'
import { REPLAY_PAGE } from './limits.js'

/**
 * Sends the changes of a conversation to one connection: first those of the log, then new ones, in the order of their
 * numbers. It changes from the log to new changes when it has sent as far as the follower has read.
 */
export class Subscription {
  /** The number of the change up to which everything was sent, or is not wanted. */
  #position = 0
  #is_live = false

  constructor(
    private readonly follower: Follower,
    private readonly log: ConversationLog,
    private readonly connection: Connection,
    private readonly transport: Transport,
  ) {}

  /** Sends `ready`, then every change after `after`, then new changes. Without `after` it sends only new changes. */
  async start(after: number | undefined): Promise<void> {
    const { position, last_seq } = this.follower
    this.#position = Math.min(after ?? position, position)
    this.follower.listen(this.#onEvent)
    this.transport.send(ready({ last_seq, last_change: position }, this.#position))
    await this.#catchUp()
  }

  stop(): void {
    this.follower.leave(this.#onEvent)
  }

  /** Sends from the log as fast as the client reads, until the follower has nothing more. */
  async #catchUp(): Promise<void> {
    this.#is_live = false
    const begin = { position: this.#position, end: this.follower.position }
    do {
      await this.transport.drained()
      if (this.connection.is_open && this.#position < this.follower.position) await this.#sendPage(begin)
    } while (this.connection.is_open && this.#position < this.follower.position)
    this.#is_live = true
  }

  async #sendPage(begin: { readonly position: number; readonly end: number }): Promise<void> {
    const { tenant_id, conversation_id, position: follower_position } = this.follower
    const rows = await this.log.changes(tenant_id, conversation_id, this.#position, REPLAY_PAGE)
    for (const entry of rows) {
      const { kind, change, message } = entry
      if (isKnown(entry, begin)) continue
      this.transport.send(outgoingOf({ kind, tenant_id, conversation_id, change, message }, change))
    }
    const read_to = rows.at(-1)?.change ?? this.#position
    // The log can have no entry at its end, if that message was removed.
    this.#position = rows.length < REPLAY_PAGE ? Math.max(read_to, follower_position) : read_to
  }

  readonly #onEvent: ConversationListener = (event, outgoing) => {
    if (isMessageEvent(event)) this.#onChange(event, outgoing)
    else if (!this.transport.is_congested) this.transport.send(this.#positioned(event, outgoing))
  }

  /** A page of the log can bring this connection ahead of the follower, and a slow client is behind it. */
  #positioned(event: ConversationEvent, outgoing: Outgoing): Outgoing {
    return this.#position === this.follower.position ? outgoing : outgoingOf(event, this.#position)
  }

  #onChange({ change }: MessageEvent, outgoing: Outgoing): void {
    // The log has this change too, and the subscription still reads from it.
    if (!this.#is_live || change <= this.#position) return
    if (this.transport.is_congested) {
      this.#catchUp().catch((error: unknown) => this.#fail(error))
      return
    }
    this.#position = change
    this.transport.send(outgoing)
  }

  /** Ends the connection if the log cannot be read. The client reconnects and continues after its last change. */
  #fail(error: unknown): void {
    const problem = error instanceof Problem ? error : new Problem('internal_error', { cause: error })
    this.connection.end({ problem })
  }
}

/**
 * Checks whether this reading of the log has sent the effect of an edit with the message itself, because it began before the
 * message was created and after the edit.
 */
function isKnown(
  { change, created_change }: LogEntry,
  begin: { readonly position: number; readonly end: number },
): boolean {
  return change !== created_change && created_change > begin.position && change <= begin.end
}
