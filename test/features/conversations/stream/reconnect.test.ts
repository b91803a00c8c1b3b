import type { Frame } from '../../../helpers/sockets.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { startListening } from './world.js'

const here = await startListening()
t.teardown(() => here.close())
const { open, say, call, listen, events } = here

/** Deletes the second of five messages and edits the third one, twice. @returns the change before and the change after */
async function changeWhileAway(id: string) {
  const messages = []
  for (let count = 1; count <= 5; count += 1) messages.push(await say('lead', id, `message ${count}`))
  const [, second, third] = messages
  const of = (message: { id: string }) => `/v1/conversations/${id}/messages/${message.id}`
  await call('lead', 'DELETE', of(second))
  await call('lead', 'PATCH', of(third), { content: 'edited' })
  await call('lead', 'PATCH', of(third), { content: 'edited again' })
  await say('lead', id, 'message 6')
}

const MISSED = [
  ['chat_message_deleted', 6, 2, null],
  ['chat_message_updated', 8, 3, 'edited again'],
  ['chat_message', 9, 6, 'message 6'],
]

const shown = (frames: readonly Frame[]) =>
  frames
    .filter(({ type }) => type.startsWith('chat_message'))
    .map((frame) => [frame.type, Number(frame.id), frame.payload.seq, frame.payload.content])

// A moderator's deletion must not stay on the screen of a client that was away.
t.test('a socket that continues after an id gets the edits and deletions that it missed', async (t) => {
  const { id } = await open()
  await changeWhileAway(id)
  const socket = await listen('agent', id, '?changed_after=5')
  t.match(socket.frames[0], { type: 'ready', id: 5, payload: { last_seq: 6, last_change: 9 } })
  await until('the changes arrive', () => socket.frames.length === 4)
  t.same(shown(socket.frames), MISSED)
  await say('lead', id, 'message 7')
  await until('the next message arrives', () => socket.frames.length === 5)
  t.same(shown(socket.frames).at(-1), ['chat_message', 10, 7, 'message 7'])
  socket.socket.terminate()
})

t.test('an event stream that continues after Last-Event-ID gets the edits and deletions that it missed', async (t) => {
  const { id } = await open()
  await changeWhileAway(id)
  const stream = await events('agent', id, '', { 'last-event-id': '5' })
  await until('the changes arrive', () => stream.events.length === 4)
  t.same(shown(stream.events), MISSED)
  stream.close()
})

t.test('a stream that continues after a seq gets the edits and deletions since that message', async (t) => {
  const { id } = await open()
  await changeWhileAway(id)
  const socket = await listen('agent', id, '?after=5')
  await until('the changes arrive', () => socket.frames.length === 4)
  t.same(shown(socket.frames), MISSED)
  const stream = await events('agent', id, '?after=4')
  await until('the changes arrive', () => stream.events.length === 5)
  t.same(shown(stream.events), [['chat_message', 5, 5, 'message 5'], ...MISSED])
  const from_the_start = await listen('agent', id, '?after=0')
  await until('all messages arrive', () => from_the_start.frames.length === 7)
  t.same(
    shown(from_the_start.frames).map(([type, , seq, content]) => [type, seq, content]),
    [1, 2, 3, 4, 5, 6].map((seq) => [
      'chat_message',
      seq,
      seq === 2 ? null : seq === 3 ? 'edited again' : `message ${seq}`,
    ]),
    'each message once, as it is now',
  )
  socket.socket.terminate()
  from_the_start.socket.terminate()
  stream.close()
})

// The id of an event that has no change of its own must not move a client past a change that it lacks.
t.test('read markers and typing repeat the id of the change before them', async (t) => {
  const { id } = await open()
  await say('lead', id, 'one')
  const socket = await listen('agent', id)
  const stream = await events('agent', id)
  await stream.event('ready')
  await call('lead', 'PUT', `/v1/conversations/${id}/read`, { seq: 1 })
  socket.send({ type: 'typing', is_typing: true })
  await say('lead', id, 'two')
  socket.send({ type: 'typing', is_typing: false })
  await until('all events arrive', () => socket.frames.length === 5 && stream.events.length === 5)
  for (const received of [socket.frames, stream.events]) {
    let position = 1
    for (const { type, id: event_id } of received) {
      if (type === 'chat_message') position += 1
      t.equal(Number(event_id), position, type)
    }
  }
  socket.socket.terminate()
  stream.close()
})

t.test('1008 400 a stream with two positions, or with a position that is no number, is refused', async (t) => {
  const { id } = await open()
  for (const query of ['?after=1&changed_after=1', '?changed_after=x', '?changed_after=-1']) {
    const answer = await call('agent', 'GET', here.streamOf(id, query), undefined, { accept: 'text/event-stream' })
    t.match(answer, { status: 400, body: { errors: [{ pointer: '/changed_after' }] } }, query)
    const socket = await here.connect('agent', id, query)
    t.match(await socket.closed(), { code: 1008, reason: 'validation_failed' }, query)
  }
})
