import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import type { StreamMessage } from '../../../src/contract/stream-frames.js'
import type { Connection, Transport } from '../../../src/kernel/live/connection.js'
import type { ConversationLog } from '../../../src/kernel/live/conversation-log.js'
import { Follower } from '../../../src/kernel/live/follower.js'
import type { Outgoing } from '../../../src/kernel/live/frames.js'
import { Subscription } from '../../../src/kernel/live/subscription.js'
import type { MessageEvent } from '../../../src/kernel/store/events.js'
import { t } from '../../helpers/t.js'

const HERE = { tenant_id: 'a', conversation_id: 'b' }

/** Returns a message log in memory that answers asynchronously, as a database does. */
function openLog() {
  const rows: StreamMessage[] = []
  let fails = 0
  let reads = 0
  const log: ConversationLog = {
    seen: async () => new Map(),
    async after(_tenant, _conversation, seq, limit) {
      reads += 1
      const answer = rows.filter((row) => row.seq > seq).slice(0, limit)
      await setImmediate()
      if (fails > 0) {
        fails -= 1
        throw new Error('away')
      }
      return answer
    },
  }
  return {
    log,
    write: (): MessageEvent => {
      const message = { id: `m${rows.length + 1}`, seq: rows.length + 1 }
      rows.push(message)
      return { kind: 'chat_message', ...HERE, message }
    },
    last: () => rows.length,
    failNext: () => {
      fails = 1
    },
    reads: () => reads,
  }
}

function openListener(follower: Follower, log: ConversationLog, is_congested = () => false) {
  const heard: Outgoing[] = []
  const transport: Transport = {
    send: (outgoing) => void heard.push(outgoing),
    get is_congested() {
      return is_congested()
    },
    drained: async () => {
      await setImmediate()
    },
    end: () => undefined,
    tick: () => undefined,
  }
  const connection = { is_open: true } as Connection
  const subscription = new Subscription(follower, log, connection, transport)
  const of = (type: string) =>
    heard.filter((outgoing) => outgoing.type === type).map((each) => JSON.parse(String(each.frame)).payload)
  return { subscription, of, seqs: () => of('chat_message').map((message: StreamMessage) => message.seq) }
}

const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_each, index) => after + index + 1)

// Events of the bus can be lost, duplicated, late and in any order, while listeners join and the log is read.
t.test('a listener that joins at any moment gets each message once and in order', async (t) => {
  const act = fc.constantFrom('write', 'lose', 'deliver', 'deliver last', 'again', 'join', 'join at 0', 'wait')
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 60 }), async (acts) => {
      const { log, write, last } = openLog()
      const follower = new Follower(log, HERE.tenant_id, HERE.conversation_id)
      const on_the_way: MessageEvent[] = []
      const listeners: { seqs: () => number[]; after: number }[] = []
      let asked = 0
      let newest: MessageEvent | undefined
      for (const each of acts) {
        if (each === 'write') on_the_way.push(write())
        if (each === 'lose') on_the_way.shift()
        if (each === 'wait') await setImmediate()
        if (each === 'again' && newest !== undefined) follower.onEvent(newest)
        if (each === 'deliver' || each === 'deliver last') {
          const event = each === 'deliver' ? on_the_way.shift() : on_the_way.pop()
          newest = event ?? newest
          if (event !== undefined) follower.onEvent(event)
        }
        if (each === 'join' || each === 'join at 0') {
          await follower.reach(last())
          const { subscription, seqs } = openListener(follower, log, () => ++asked % 7 === 0)
          listeners.push({ seqs, after: each === 'join' ? follower.position : 0 })
          void subscription.start(each === 'join' ? undefined : 0)
        }
      }
      await follower.reach(last())
      for (let turn = 0; turn < 20; turn++) await setImmediate()
      for (const { seqs, after } of listeners) {
        if (String(seqs()) !== String(upTo(last(), after))) throw new Error(`after ${after}: ${seqs()} of ${last()}`)
      }
    }),
    { numRuns: 300 },
  )
  t.pass()
})

t.test('the follower reads a missing message, and delays an edit until its message was sent', async (t) => {
  const { log, write } = openLog()
  const follower = new Follower(log, HERE.tenant_id, HERE.conversation_id)
  await follower.reach(0)
  const { subscription, seqs, of } = openListener(follower, log)
  await subscription.start(undefined)
  write()
  const second = write()
  follower.onEvent({ ...second, kind: 'chat_message_updated' })
  t.same(seqs(), [], 'an edit of a message that was not sent yet')
  follower.onEvent(second)
  await follower.reach(2)
  t.same(seqs(), [1, 2])
  t.same(of('chat_message_updated'), [{ id: 'm2', seq: 2 }])
})

// An edit could be lost between the reading of the past messages and the first live event.
t.test('an edit that arrives while past messages are read is sent after them', async (t) => {
  const { log, write } = openLog()
  const first = write()
  const follower = new Follower(log, HERE.tenant_id, HERE.conversation_id)
  await follower.reach(1)
  const { subscription, seqs, of } = openListener(follower, log)
  const started = subscription.start(0)
  follower.onEvent({ ...first, kind: 'chat_message_deleted' })
  t.same(of('chat_message_deleted'), [])
  await started
  t.same(seqs(), [1])
  t.same(of('chat_message_deleted'), [{ id: 'm1', seq: 1 }])
})

t.test('after a failed read of the log, the next message starts another read', async (t) => {
  const { log, write, failNext } = openLog()
  const follower = new Follower(log, HERE.tenant_id, HERE.conversation_id)
  await follower.reach(0)
  const { subscription, seqs } = openListener(follower, log)
  await subscription.start(undefined)
  write()
  failNext()
  follower.onEvent(write())
  await setImmediate()
  await setImmediate()
  t.same(seqs(), [])
  follower.onEvent(write())
  await follower.reach(3)
  t.same(seqs(), [1, 2, 3])
})

t.test('many messages after a gap cause only one read of the gap', async (t) => {
  const { log, write, reads } = openLog()
  const follower = new Follower(log, HERE.tenant_id, HERE.conversation_id)
  await follower.reach(0)
  const before = reads()
  write()
  for (let count = 0; count < 50; count++) follower.onEvent(write())
  await follower.reach(51)
  t.equal(follower.position, 51)
  t.ok(reads() - before <= 4, `${reads() - before} reads`)
})
