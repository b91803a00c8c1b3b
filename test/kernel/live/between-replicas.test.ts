import { connectReplicas } from '../../../src/kernel/live/between-replicas.js'
import { ANNOUNCEMENT_CHARACTERS_MAX } from '../../../src/kernel/replicas/announcements.js'
import { openBus } from '../../../src/kernel/store/bus.js'
import type { LiveEvent } from '../../../src/kernel/store/events.js'
import { t } from '../../helpers/t.js'

const IN = {
  tenant_id: '01a22b8b-21e3-74bd-9e65-1246a37212ac',
  conversation_id: '01a22b8b-21e3-74bd-9e65-1246a37212ad',
}
const MESSAGE: LiveEvent = {
  ...IN,
  kind: 'chat_message',
  change: 7,
  message: { id: 'm', seq: 3, content: 'A secret'.repeat(500) } as never,
}

/** Two replicas of which each hears what the other one announces. */
function openTwo() {
  const texts: string[] = []
  const listeners: ((text: string) => void)[] = []
  const gaps: (() => void)[] = []
  const sides = [0, 1].map((side) => {
    const events: LiveEvent[] = []
    const bus = openBus((error) => t.fail(String(error)))
    const replica = {
      announce(text: string) {
        texts.push(text)
        listeners[1 - side]?.(text)
      },
      onAnnounced(listener: (text: string) => void) {
        listeners[side] = listener
        return () => undefined
      },
      onGap(listener: () => void) {
        gaps.push(listener)
        return () => undefined
      },
    }
    connectReplicas(bus, replica)
    bus.subscribe((event) => events.push(event))
    return { bus, events }
  })
  return {
    texts,
    hear: (text: string) => listeners[1]?.(text),
    miss: () => gaps[0]?.(),
    one: sides[0],
    other: sides[1],
  }
}

t.test('an event reaches the bus of the other replica once, and does not come back', async (t) => {
  const { one, other, texts } = openTwo()
  const typing: LiveEvent = { ...IN, kind: 'chat_typing', user_id: IN.tenant_id, is_typing: true }
  one?.bus.publish(typing)
  t.same(other?.events, [typing])
  t.same(one?.events, [typing])
  t.equal(texts.length, 1)
})

// Attack: reads the content of messages from the notifications of the database.
t.test('a message travels by its number, without its text', async (t) => {
  const { one, other, texts } = openTwo()
  one?.bus.publish(MESSAGE)
  t.same(other?.events, [{ ...IN, kind: 'log_grown', change: 7 }])
  t.notMatch(texts.join(), 'secret')
  t.ok(texts.every(({ length }) => length < ANNOUNCEMENT_CHARACTERS_MAX))
})

t.test('rights in one conversation travel, and rights that are facts do not', async (t) => {
  const { one, other } = openTwo()
  const rights: LiveEvent = { ...IN, kind: 'rights_changed', user_id: null }
  one?.bus.publish({ ...rights, conversation_id: null })
  one?.bus.publish({ kind: 'mail_queued' })
  t.same(other?.events, [])
  one?.bus.publish(rights)
  t.same(other?.events, [rights])
})

t.test('a text that this release does not know is no event', async (t) => {
  const { hear, other } = openTwo()
  for (const text of ['', '{', 'null', '{"kind":"chat_message"}', '{"kind":"later"}', '[]']) hear(text)
  t.same(other?.events, [])
})

t.test('after a gap this replica checks all of its connections, and the other one hears nothing of it', async (t) => {
  const { one, other, miss } = openTwo()
  miss()
  t.same(one?.events, [{ kind: 'rights_changed', tenant_id: null, user_id: null, conversation_id: null }])
  t.same(other?.events, [])
})
