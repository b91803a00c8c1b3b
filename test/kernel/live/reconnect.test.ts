import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { Follower } from '../../../src/kernel/live/follower.js'
import type { MessageEvent } from '../../../src/kernel/store/events.js'
import { randomSeed } from '../../helpers/random.js'
import { t } from '../../helpers/t.js'
import { HERE, type ModelMessage, openListener, openLog, type ReceivedFrame } from './log-model.js'

/** A client that keeps a copy of a conversation. It reconnects after the id of the last frame that it received. */
function openClient(follower: Follower, model: ReturnType<typeof openLog>) {
  const copy = new Map<string, ModelMessage>()
  let position = 0
  let connection: { heard: ReceivedFrame[]; disconnect(): void } | undefined
  let is_congested = false

  const apply = ({ type, id, payload }: ReceivedFrame) => {
    if (id < position) throw new Error(`${type} ${id} after ${position}`)
    if (type === 'ready' && id !== position) throw new Error(`ready at ${id} and not at ${position}`)
    position = id
    if (type === 'ready' || type === 'chat_typing') return
    if ((type === 'chat_message') === copy.has(payload.id)) throw new Error(`${type} of ${payload.id}`)
    if (type === 'chat_message' && payload.seq !== copy.size + 1) throw new Error(`${payload.seq} of ${copy.size}`)
    copy.set(payload.id, payload)
  }
  /** Receives the frames up to a number of them. The rest is lost with the connection. */
  const receive = (count = Number.POSITIVE_INFINITY) => {
    for (const frame of connection?.heard.splice(0, count) ?? []) apply(frame)
  }
  return {
    copy: () => [...copy.values()],
    receive,
    congest: (value: boolean) => {
      is_congested = value
    },
    disconnect(received: number) {
      receive(received)
      connection?.disconnect()
      connection = undefined
    },
    async connect() {
      if (connection !== undefined) return
      await follower.reach(model.end())
      const opened = openListener(follower, model.log, () => is_congested)
      connection = opened
      void opened.subscription.start(position)
    },
  }
}

// Events of the bus can be lost, duplicated, late and in any order, and a connection can break after any frame.
t.test(
  'a client that reconnects at any moment ends with the messages of the server, edits and deletions too',
  async (t) => {
    const act = fc.oneof(
      fc.record({
        name: fc.constantFrom('write', 'write', 'edit', 'edit', 'delete', 'lose', 'deliver', 'deliver', 'deliver last'),
        number: fc.nat(20),
      }),
      fc.record({
        name: fc.constantFrom(
          'again',
          'connect',
          'disconnect',
          'wait',
          'typing',
          'congest',
          'drain',
          'receive',
          'many',
        ),
        number: fc.nat(20),
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 80 }), async (acts) => {
        const model = openLog()
        const follower = new Follower(model.log, HERE.tenant_id, HERE.conversation_id)
        const client = openClient(follower, model)
        const on_the_way: MessageEvent[] = []
        let newest: MessageEvent | undefined
        const happens = (event: MessageEvent | undefined) => event && on_the_way.push(event)
        const deliver = (event: MessageEvent | undefined) => {
          newest = event ?? newest
          if (event !== undefined) follower.onEvent(event)
        }
        for (const { name, number } of acts) {
          const index = model.rows().length === 0 ? 0 : number % model.rows().length
          if (name === 'write') happens(model.write())
          if (name === 'many') for (let count = 0; count < 60; count += 1) happens(model.write())
          if (name === 'edit') happens(model.edit(index))
          if (name === 'delete') happens(model.remove(index))
          if (name === 'lose') on_the_way.shift()
          if (name === 'deliver') deliver(on_the_way.shift())
          if (name === 'deliver last') deliver(on_the_way.pop())
          if (name === 'again') deliver(newest)
          if (name === 'typing') follower.onEvent({ kind: 'chat_typing', ...HERE, user_id: 'u', is_typing: true })
          if (name === 'connect') await client.connect()
          if (name === 'disconnect') client.disconnect(number)
          if (name === 'receive') client.receive()
          if (name === 'congest' || name === 'drain') client.congest(name === 'congest')
          if (name === 'wait') await setImmediate()
        }
        client.congest(false)
        await client.connect()
        await follower.reach(model.end())
        for (let turn = 0; turn < 200; turn++) await setImmediate()
        client.receive()
        const copy = JSON.stringify(client.copy())
        if (copy !== JSON.stringify(model.rows())) throw new Error(`${copy} of ${JSON.stringify(model.rows())}`)
      }),
      { numRuns: 200, seed: randomSeed(t) },
    )
    t.pass()
  },
)

// The row of a message can be removed for good. Its numbers are then empty, and a reader must not look for them for ever.
t.test('a follower and a client pass the numbers of removed messages', async (t) => {
  const model = openLog()
  for (let count = 0; count < 3; count += 1) model.write()
  const follower = new Follower(model.log, HERE.tenant_id, HERE.conversation_id)
  await follower.reach({ last_seq: 1, last_change: 1 })
  t.equal(follower.position, 3)
  const lost = model.write()
  model.purge(3)
  await follower.reach({ last_seq: 4, last_change: lost.change })
  t.equal(follower.position, 4, 'the follower passes a number without a row')
  const reads = model.reads()
  await follower.reach({ last_seq: 4, last_change: 4 })
  t.equal(model.reads(), reads, 'and does not read again')
  const { subscription, heard, seqs } = openListener(follower, model.log)
  await subscription.start(3)
  follower.onEvent({ kind: 'chat_typing', ...HERE, user_id: 'u', is_typing: true })
  t.same(seqs(), [])
  t.same(
    heard.map(({ type, id }) => [type, id]),
    [
      ['ready', 3],
      ['chat_typing', 4],
    ],
  )
})

t.test('an edit that the replay has shown with its message is not sent again', async (t) => {
  const model = openLog()
  for (let count = 0; count < 120; count += 1) model.write()
  model.edit(0)
  model.remove(1)
  const follower = new Follower(model.log, HERE.tenant_id, HERE.conversation_id)
  await follower.reach(model.end())
  const all = openListener(follower, model.log)
  await all.subscription.start(0)
  t.equal(all.seqs().length, 120)
  t.same([all.of('chat_message_updated'), all.of('chat_message_deleted')], [[], []])
  const later = openListener(follower, model.log)
  await later.subscription.start(119)
  t.same(
    later.heard.map(({ type, id, payload }) => [type, id, payload.id]),
    [
      ['ready', 119, undefined],
      ['chat_message', 120, 'm120'],
      ['chat_message_updated', 121, 'm1'],
      ['chat_message_deleted', 122, 'm2'],
    ],
  )
})
