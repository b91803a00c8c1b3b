import { nextRun } from '../jobs/next-run.js'
import { type ConversationEvent, isMessageEvent, type MessageEvent } from '../store/events.js'
import type { ConversationLog, LogEnd, LogEntry } from './conversation-log.js'
import { type Outgoing, outgoingOf } from './frames.js'
import { EARLY_MAX, REPLAY_PAGE } from './limits.js'

/** Receives an event, with its frame serialised once for all listeners. */
export type ConversationListener = (event: ConversationEvent, outgoing: Outgoing) => void

/**
 * Delivers the changes of one conversation to the connections of this process, in the order of their numbers. A change that
 * continues the sequence is delivered at once. A gap makes the follower read the log.
 */
export class Follower {
  readonly #listeners = new Set<ConversationListener>()
  /** Changes that wait because an earlier one is missing. */
  readonly #early = new Map<number, MessageEvent>()
  #position: number | undefined
  #last_seq = 0
  /** The end of the log, as far as it is known. The log can have no entry at its end, if that message was removed. */
  #known_end = 0
  /** Reads what is missing. Each call gets the result of a read that began after the call. */
  readonly catchUp = nextRun(() => this.#read())

  constructor(
    private readonly log: ConversationLog,
    readonly tenant_id: string,
    readonly conversation_id: string,
  ) {}

  /** The number of the change up to which every change was delivered. */
  get position(): number {
    return this.#position ?? 0
  }

  /** The seq of the newest message up to the position. */
  get last_seq(): number {
    return this.#last_seq
  }

  listen(listener: ConversationListener): void {
    this.#listeners.add(listener)
  }

  leave(listener: ConversationListener): void {
    this.#listeners.delete(listener)
  }

  /**
   * Delivers every change up to an end of the log that was read from the database.
   * @throws Problem `service_unavailable`
   */
  async reach({ last_seq, last_change }: LogEnd): Promise<void> {
    const is_new = this.#position === undefined
    if (is_new) this.#last_seq = last_seq
    this.#position ??= last_change
    this.#known_end = Math.max(this.#known_end, last_change)
    this.#deliverEarly()
    // A change may have been written after that read and before the first event.
    if (is_new || this.#position < last_change) await this.catchUp()
  }

  onEvent(event: ConversationEvent): void {
    if (isMessageEvent(event)) this.#onChange(event)
    else this.#deliver(event)
  }

  /** Another replica wrote a change. Before the first `reach` there is nothing to do, because that reads the log. */
  onGrown(change: number): void {
    if (this.#position !== undefined && this.#position < change) this.catchUp().catch(() => undefined)
  }

  #onChange(event: MessageEvent): void {
    const { change } = event
    if (this.#position !== undefined && change <= this.#position) return
    if (this.#early.size < EARLY_MAX) this.#early.set(change, event)
    if (this.#position === undefined) return
    this.#deliverEarly()
    // If this fails, the next change or the next recheck of the connections reads again.
    if (this.#position < change) this.catchUp().catch(() => undefined)
  }

  async #read(): Promise<void> {
    for (;;) {
      const known_end = this.#known_end
      const rows = await this.log.changes(this.tenant_id, this.conversation_id, this.position, REPLAY_PAGE)
      for (const entry of rows) this.#deliverChange(this.#eventOf(entry))
      // Nothing else is left of the changes up to an end that was known before the read.
      if (rows.length < REPLAY_PAGE) this.#position = Math.max(this.position, known_end)
      this.#deliverEarly()
      if (rows.length < REPLAY_PAGE) return
    }
  }

  #deliverEarly(): void {
    for (const change of this.#early.keys()) if (change <= this.position) this.#early.delete(change)
    for (;;) {
      const next = this.#early.get(this.position + 1)
      if (next === undefined) return
      this.#early.delete(next.change)
      this.#deliverChange(next)
    }
  }

  #deliverChange(event: MessageEvent): void {
    if (event.change <= this.position) return
    this.#position = event.change
    this.#last_seq = Math.max(this.#last_seq, event.message.seq)
    this.#deliver(event)
  }

  #deliver(event: ConversationEvent): void {
    const outgoing = outgoingOf(event, this.position)
    for (const listener of this.#listeners) listener(event, outgoing)
  }

  #eventOf({ kind, change, message }: LogEntry): MessageEvent {
    const { tenant_id, conversation_id } = this
    return { kind, tenant_id, conversation_id, change, message }
  }
}
