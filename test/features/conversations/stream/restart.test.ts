import { generateSigningKeys } from '../../../../src/kernel/config/secrets.js'
import { conversationCalls } from '../../../helpers/conversations.js'
import { openTestDatabase } from '../../../helpers/database.js'
import { openEvents } from '../../../helpers/event-streams.js'
import { startGateway } from '../../../helpers/gateway.js'
import { ask } from '../../../helpers/requests.js'
import { openSocket } from '../../../helpers/sockets.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { startListening } from './world.js'

const on = await openTestDatabase()
t.teardown(() => on.close())

// A restart must not lose a message, or deliver one twice, to a listener that reconnects.
t.test('a client that reconnects after a restart continues at its position, on every transport', async (t) => {
  const signing_keys = generateSigningKeys()
  const before = await startListening({ on, signing_keys })
  const headers = await before.world.as('agent')
  const writer = await before.world.as('lead')
  const { id } = await before.open()
  const socket = await before.listen('agent', id)
  const stream = await before.events('agent', id)
  await stream.event('ready')
  for (let seq = 1; seq <= 3; seq += 1) await before.say(writer, id, `before ${seq}`)
  await until('both connections receive the messages', () => socket.frames.length === 4 && stream.events.length === 4)
  await before.close()
  t.match(await socket.closed(), { code: 1012 })
  t.equal((await stream.event('error')).payload.code, 'service_unavailable')
  await stream.closed()

  const after = await startGateway({ on, signing_keys })
  t.teardown(() => after.close())
  const { say } = conversationCalls(after, before.world)
  // These messages are stored while no client is connected.
  for (let seq = 4; seq <= 5; seq += 1) await say(writer, id, `meanwhile ${seq}`)
  const path = `/v1/conversations/${id}/stream`
  const again = openSocket(after, `${path}?after=3`, { headers })
  const last_event_id = String(stream.events.at(-2)?.id)
  const stream_again = openEvents(after, path, { ...headers, 'last-event-id': last_event_id })
  await until('the missed messages arrive', () => again.frames.length === 3 && stream_again.events.length === 3)
  await say(writer, id, 'live 6')
  await until('the live message arrives', () => again.frames.length === 4 && stream_again.events.length === 4)
  const seqs = (frames: readonly { payload: { seq: number } }[]) => frames.map(({ payload }) => payload.seq)
  t.same(seqs([...socket.frames.slice(1), ...again.frames.slice(1)]), [1, 2, 3, 4, 5, 6])
  t.same(seqs([...stream.events.slice(1, 4), ...stream_again.events.slice(1)]), [1, 2, 3, 4, 5, 6])
  const poll = await ask(after, `/v1/conversations/${id}/messages?after=3&wait=5`, { headers })
  t.same(
    poll.body.data,
    again.frames.slice(1).map(({ payload }) => payload),
    'a poll returns the same messages',
  )
  again.socket.terminate()
  stream_again.close()
})
