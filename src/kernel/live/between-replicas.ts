import type { Announcements } from '../replicas/announcements.js'
import type { Bus } from '../store/bus.js'
import { isMessageEvent, type LiveEvent } from '../store/events.js'

/** The kinds of events that replicas send to each other. */
const SENT: ReadonlySet<LiveEvent['kind']> = new Set(['log_grown', 'chat_read', 'chat_typing', 'rights_changed'])

/** Concerns every open connection. */
const ANYTHING: LiveEvent = { kind: 'rights_changed', tenant_id: null, user_id: null, conversation_id: null }

/**
 * Passes the events of conversations on to the other replicas, and theirs to the bus of this one. A message travels by the
 * number of its change alone, so that no text leaves the tables. Every event only saves time: whoever misses one finds it in
 * the database within 15 s, except for typing.
 *
 * @returns a function that ends it
 */
export function connectReplicas(bus: Bus, replicas: Announcements): () => void {
  const received = new WeakSet<LiveEvent>()
  const ends = [
    bus.subscribe((event) => {
      const text = received.has(event) ? undefined : textOf(event)
      if (text !== undefined) replicas.announce(text)
    }),
    replicas.onAnnounced((text) => {
      const event = eventOf(text)
      if (event === undefined) return
      received.add(event)
      bus.publish(event)
    }),
    // Each connection is checked, and that reads the log of its conversation.
    replicas.onGap(() => bus.publish(ANYTHING)),
  ]
  return () => {
    for (const end of ends) end()
  }
}

/** The event as the text for other replicas; undefined if they hear of it in another way, or need not hear of it. */
function textOf(event: LiveEvent): string | undefined {
  switch (event.kind) {
    case 'mail_queued':
    case 'log_grown':
      return undefined
    case 'rights_changed':
      // Other rights are facts, and replicas hear of facts before the writer answers.
      return event.conversation_id === null ? undefined : JSON.stringify(event)
    case 'chat_read':
    case 'chat_typing':
      return JSON.stringify(event)
    default: {
      if (!isMessageEvent(event)) return undefined
      const { tenant_id, conversation_id, change } = event
      return JSON.stringify({ kind: 'log_grown', tenant_id, conversation_id, change } satisfies LiveEvent)
    }
  }
}

/** A newer release can send kinds that this one does not know. */
function eventOf(text: string): LiveEvent | undefined {
  try {
    const event = JSON.parse(text) as LiveEvent
    return SENT.has(event.kind) ? event : undefined
  } catch {
    return undefined
  }
}
