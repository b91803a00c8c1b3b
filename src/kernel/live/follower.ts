import type { StreamMessage } from '../../contract/stream-frames.js'
import { type ConversationEvent, isEdit, type MessageEvent } from '../store/events.js'
import type { ConversationLog } from './conversation-log.js'
import { type Outgoing, outgoingOf } from './frames.js'
import { EARLY_MAX, EDITS_WAITING_MAX, REPLAY_PAGE } from './limits.js'

/** Receives an event, with its frame serialised once for all listeners. */
export type ConversationListener = (event: ConversationEvent, outgoing: Outgoing) => void

/**
 * Delivers the messages of one conversation to the connections of this process: each message once, in the order of seq.
 * A message that continues the sequence is delivered at once. A gap makes the follower read the log.
 */
export class Follower {
  readonly #listeners = new Set<ConversationListener>()
  /** Messages that wait because an earlier one is missing. */
  readonly #early = new Map<number, MessageEvent>()
  /** The newest edit of each message that has not been delivered yet. */
  readonly #edits = new Map<number, MessageEvent>()
  #position: number | undefined
  #reading: Promise<void> | undefined
  #next_reading: Promise<void> | undefined

  constructor(
    private readonly log: ConversationLog,
    readonly tenant_id: string,
    readonly conversation_id: string,
  ) {}

  /** The seq up to which every message was delivered. */
  get position(): number {
    return this.#position ?? 0
  }

  listen(listener: ConversationListener): void {
    this.#listeners.add(listener)
  }

  leave(listener: ConversationListener): void {
    this.#listeners.delete(listener)
  }

  /**
   * Delivers every message up to a seq that was read from the database.
   * @throws Problem `service_unavailable`
   */
  async reach(last_seq: number): Promise<void> {
    const is_new = this.#position === undefined
    this.#position ??= last_seq
    this.#deliverEarly()
    // A message may have been written after that read and before the first event.
    if (is_new || this.#position < last_seq) await this.catchUp()
  }

  onEvent(event: ConversationEvent): void {
    if (event.kind === 'chat_message') this.#onMessage(event)
    else if (isEdit(event)) this.#onEdit(event)
    else this.#deliver(event)
  }

  /** Reads what is missing. Each call gets the result of a read that began after the call. */
  catchUp(): Promise<void> {
    this.#next_reading ??= (this.#reading ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#next_reading = undefined
        this.#reading = this.#read()
        return this.#reading
      })
    return this.#next_reading
  }

  #onMessage(event: MessageEvent): void {
    const { seq } = event.message
    if (this.#position !== undefined && seq <= this.#position) return
    if (this.#early.size < EARLY_MAX) this.#early.set(seq, event)
    if (this.#position === undefined) return
    this.#deliverEarly()
    // If this fails, the next message or the next recheck of the connections reads again.
    if (this.#position < seq) this.catchUp().catch(() => undefined)
  }

  /** Delivers an edit after its message. The event of the edit can arrive first. */
  #onEdit(event: MessageEvent): void {
    const { seq } = event.message
    if (this.#position !== undefined && seq <= this.#position) this.#deliver(event)
    else if (this.#edits.size < EDITS_WAITING_MAX) this.#edits.set(seq, event)
  }

  async #read(): Promise<void> {
    for (;;) {
      const rows = await this.log.after(this.tenant_id, this.conversation_id, this.position, REPLAY_PAGE)
      for (const message of rows) this.#deliverMessage(this.#eventOf(message))
      this.#deliverEarly()
      if (rows.length < REPLAY_PAGE) return
    }
  }

  #deliverEarly(): void {
    for (const seq of this.#early.keys()) if (seq <= this.position) this.#early.delete(seq)
    for (;;) {
      const next = this.#early.get(this.position + 1)
      if (next === undefined) return
      this.#early.delete(this.position + 1)
      this.#deliverMessage(next)
    }
  }

  #deliverMessage(event: MessageEvent): void {
    const { seq } = event.message
    if (seq <= this.position) return
    this.#position = seq
    this.#deliver(event)
    const edit = this.#edits.get(seq)
    if (edit === undefined) return
    this.#edits.delete(seq)
    this.#deliver(edit)
  }

  #deliver(event: ConversationEvent): void {
    const outgoing = outgoingOf(event)
    for (const listener of this.#listeners) listener(event, outgoing)
  }

  #eventOf(message: StreamMessage): MessageEvent {
    const { tenant_id, conversation_id } = this
    return { kind: 'chat_message', tenant_id, conversation_id, message }
  }
}
