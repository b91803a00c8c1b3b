import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { Follower } from '../../../src/kernel/live/follower.js'
import type { MessageEvent } from '../../../src/kernel/store/events.js'
import { randomSeed } from '../../helpers/random.js'
import { t } from '../../helpers/t.js'
import { HERE, openListener, openLog } from './log-model.js'

const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_each, index) => after + index + 1)

// Events of the bus can be lost, duplicated, late and in any order, while listeners join and the log is read.
t.test('a listener that joins at any moment gets each message once and in order', async (t) => {
  const act = fc.constantFrom('write', 'lose', 'deliver', 'deliver last', 'again', 'join', 'join at 0', 'wait')
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 60 }), async (acts) => {
      const { log, write, end } = openLog()
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
          await follower.reach(end())
          const { subscription, seqs } = openListener(follower, log, () => ++asked % 7 === 0)
          listeners.push({ seqs, after: each === 'join' ? follower.position : 0 })
          void subscription.start(each === 'join' ? undefined : 0)
        }
      }
      await follower.reach(end())
      for (let turn = 0; turn < 20; turn++) await setImmediate()
      for (const { seqs, after } of listeners) {
        if (String(seqs()) !== String(upTo(end().last_seq, after)))
          throw new Error(`after ${after}: ${seqs()} of ${end().last_seq}`)
      }
    }),
    { numRuns: 300, seed: randomSeed(t) },
  )
  t.pass()
})

t.test('the follower reads a missing message, and delays an edit until its message was sent', async (t) => {
  const { log, write, edit, end } = openLog()
  const follower = new Follower(log, HERE.tenant_id, HERE.conversation_id)
  await follower.reach(end())
  const { subscription, seqs, of } = openListener(follower, log)
  await subscription.start(undefined)
  write()
  const second = write()
  const edited = edit(1) as MessageEvent
  follower.onEvent(edited)
  t.same(seqs(), [], 'an edit of a message that was not sent yet')
  follower.onEvent(second)
  await follower.reach(end())
  t.same(seqs(), [1, 2])
  t.equal(of('chat_message')[1]?.content, edited.message && 'edited at 3', 'the message as it is now')
})

// An edit could be lost between the reading of the past messages and the first live event.
t.test('an edit that arrives while past messages are read is sent after them', async (t) => {
  const { log, write, remove, end } = openLog()
  for (let count = 0; count < 60; count += 1) write()
  const follower = new Follower(log, HERE.tenant_id, HERE.conversation_id)
  await follower.reach(end())
  const { subscription, seqs, of } = openListener(follower, log)
  const started = subscription.start(0)
  for (let turn = 0; turn < 3 && seqs().length === 0; turn += 1) await setImmediate()
  t.equal(seqs().length, 50, 'one page of the log was sent')
  follower.onEvent(remove(0) as MessageEvent)
  t.same(of('chat_message_deleted'), [])
  await started
  t.same(seqs(), upTo(60))
  t.match(of('chat_message_deleted'), [{ id: 'm1', content: null, change: 61 }])
})

t.test('after a failed read of the log, the next message starts another read', async (t) => {
  const { log, write, failNext, end } = openLog()
  const follower = new Follower(log, HERE.tenant_id, HERE.conversation_id)
  await follower.reach(end())
  const { subscription, seqs } = openListener(follower, log)
  await subscription.start(undefined)
  write()
  failNext()
  follower.onEvent(write())
  await setImmediate()
  await setImmediate()
  t.same(seqs(), [])
  follower.onEvent(write())
  await follower.reach(end())
  t.same(seqs(), [1, 2, 3])
})

t.test('many messages after a gap cause only one read of the gap', async (t) => {
  const { log, write, reads, end } = openLog()
  const follower = new Follower(log, HERE.tenant_id, HERE.conversation_id)
  await follower.reach(end())
  const before = reads()
  write()
  for (let count = 0; count < 50; count++) follower.onEvent(write())
  await follower.reach(end())
  t.equal(follower.position, 51)
  t.ok(reads() - before <= 4, `${reads() - before} reads`)
})
