import { generateSigningKeys } from '../../../../src/kernel/config/secrets.js'
import type { Database } from '../../../../src/kernel/database/database.js'
import { conversationCalls } from '../../../helpers/conversations.js'
import { startGateway } from '../../../helpers/gateway.js'
import { openSocket } from '../../../helpers/sockets.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { startListening } from './world.js'

const signing_keys = generateSigningKeys()
const here = await startListening({ signing_keys })
t.teardown(() => here.close())
const { gateway, world, listen, open, say, remove, add, events } = here

// The bus can lose events. A lost event must not hide a message, and must not keep a revoked right in force.
t.test('a connection gets the changes of another replica without the bus', async (t) => {
  const replica = await startGateway({ signing_keys, on: gateway.test_database })
  t.teardown(() => replica.close())
  const there = conversationCalls(replica, world)
  const { id } = await open({ visibility: 'members' })
  await add('lead', id, world.ids.agent)
  const socket = await listen('agent', id)
  const stream = await events('agent', id)
  await stream.event('ready')
  const of_replica = openSocket(replica, here.streamOf(id), { headers: await world.as('lead') })
  await of_replica.frame('ready')
  for (let count = 1; count <= 3; count++) await there.say('lead', id, `of the replica ${count}`)
  await of_replica.frame('chat_message')
  // No event reaches this replica. It polls once after a connection opens, which can be before or after this point.
  await until('the replica polls the messages', () => {
    gateway.clock.advance(1_000)
    return socket.frames.length === 4
  })
  t.same(
    socket.frames.slice(1).map(({ payload }) => payload.seq),
    [1, 2, 3],
  )
  await until('the event stream receives the messages', () => stream.events.length === 4)
  await say('lead', id, 'here')
  await there.say('lead', id, 'there')
  await say('lead', id, 'here again')
  await until('the replica fills the gap', () => socket.frames.length === 7)
  t.same(
    socket.frames.slice(4).map(({ payload }) => payload.seq),
    [4, 5, 6],
  )
  // An edit and a deletion of the replica have no later message behind them that would show a gap.
  const first = socket.frames[1]?.payload.id
  await there.call('lead', 'PATCH', `/v1/conversations/${id}/messages/${first}`, { content: 'edited there' })
  await there.call('lead', 'DELETE', `/v1/conversations/${id}/messages/${socket.frames[2]?.payload.id}`)
  for (const received of [socket.frames, stream.events]) {
    await until('the replica finds the edit and the deletion', () => {
      gateway.clock.advance(1_000)
      return received.length === 9
    })
    t.match(received.slice(7), [
      { type: 'chat_message_updated', payload: { id: first, content: 'edited there', change: 7 } },
      { type: 'chat_message_deleted', payload: { seq: 2, content: null, change: 8 } },
    ])
  }
  await there.remove('lead', id, world.ids.agent)
  await until('the replica checks the access', () => {
    gateway.clock.advance(1_000)
    return !socket.isOpen()
  })
  t.same(await socket.closed(), { code: 4403, reason: 'not_found' })
})

// Access that the gateway cannot check for long must end. A short failure of the database must not end it.
t.test('1013 a long failure of the database closes the connections whose access cannot be checked', async (t) => {
  const { id } = await open()
  const socket = await listen('lead', id)
  const { database } = gateway
  const { readOne } = database
  const away = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' })
  Object.assign(database, { readOne: () => Promise.reject(away) } satisfies Partial<Database>)
  t.teardown(() => Object.assign(database, { readOne }))
  gateway.clock.advance(16_000)
  await until('the access check fails', () =>
    gateway.lines.some((line) => line.includes('access of open connections not checked')),
  )
  t.ok(socket.isOpen(), 'the connection survives a short failure')
  Object.assign(database, { readOne })
  await until('a message arrives again', async () => {
    await say('lead', id, 'back')
    return socket.frames.some(({ type }) => type === 'chat_message')
  })
  Object.assign(database, { readOne: () => Promise.reject(away) })
  await until(
    'the connection is closed',
    () => {
      gateway.clock.advance(1_000)
      return !socket.isOpen()
    },
    { within_ms: 30_000 },
  )
  t.match(await socket.closed(), { code: 1013, reason: /^service_unavailable; Retry-After: \d+$/ })
  Object.assign(database, { readOne })
})

t.test('4403 each removal of a member closes their connection, and a member who joins again can connect', async (t) => {
  const { id } = await open({ visibility: 'members' })
  for (let round = 0; round < 3; round++) {
    await add('lead', id, world.ids.agent)
    const socket = await listen('agent', id)
    await remove('lead', id, world.ids.agent)
    t.match(await socket.closed(), { code: 4403 })
  }
})
