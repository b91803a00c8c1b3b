import { once } from 'node:events'
import { type ClientRequest, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { startListening } from './world.js'

const here = await startListening()
t.teardown(() => here.close())
const { gateway, world, open, say, call, events, listen, poll, streamOf } = here

t.test('200 server-sent events: each event has as id the change up to which the client has everything', async (t) => {
  const { id } = await open()
  const stream = await events('agent', id)
  t.match((await stream.response()).headers, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': /.+/,
  })
  t.match(await stream.event('ready'), { id: '0', payload: { last_seq: 0, last_change: 0 } })
  const message = await say('lead', id, 'two\nlines')
  t.match(await stream.event('chat_message'), { type: 'chat_message', id: '1', payload: message })
  await call('lead', 'DELETE', `/v1/conversations/${id}/messages/${message.id}`)
  const deleted = await stream.event('chat_message_deleted')
  t.match(deleted, { id: '2', payload: { id: message.id, change: 2, content: null } })
  t.match(stream.state.text, /id: 1\nevent: chat_message\ndata: \{"type":"chat_message","payload":\{/)
  const edited = await say('lead', id, 'before')
  await call('lead', 'PATCH', `/v1/conversations/${id}/messages/${edited.id}`, { content: 'after' })
  t.match(await stream.event('chat_message_updated'), {
    id: '4',
    payload: { id: edited.id, change: 4, content: 'after' },
  })
  await call('lead', 'PUT', `/v1/conversations/${id}/read`, { seq: 2 })
  const reader = { user_id: world.ids.lead, seq: 2 }
  t.match(await stream.event('chat_read'), { id: '4', payload: reader })
  const socket = await listen('lead', id)
  socket.send({ type: 'typing', is_typing: true })
  const typing = { user_id: world.ids.lead, is_typing: true }
  t.match(await stream.event('chat_typing'), { id: '4', payload: typing })
  socket.socket.terminate()
  stream.close()
})

t.test('Last-Event-ID continues a stream at its position, and overrides `after` in the URL', async (t) => {
  const { id } = await open()
  for (let count = 1; count <= 5; count++) await say('lead', id, `message ${count}`)
  // A client that loses its connection after ready has not received what follows.
  const first = await events('agent', id, '?after=2')
  t.equal((await first.event('ready')).id, '2', 'ready has the id where the stream continues')
  await until('the messages after seq 2 arrive', () => first.events.length === 4)
  t.same(
    first.events.slice(1).map((event) => event.id),
    ['3', '4', '5'],
  )
  first.close()
  await say('lead', id, 'missed')
  const second = await events('agent', id, '?after=2', { 'last-event-id': '5' })
  await second.event('chat_message')
  await say('lead', id, 'live')
  await until('the missed and the live message arrive', () => second.events.length === 3)
  t.same(
    second.events.map(({ type, id }) => [type, id]),
    [
      ['ready', '5'],
      ['chat_message', '6'],
      ['chat_message', '7'],
    ],
  )
  second.close()
  const bad = await call('agent', 'GET', streamOf(id), undefined, { accept: 'text/event-stream', 'last-event-id': 'x' })
  t.match(bad, { status: 400, body: { code: 'validation_failed', errors: [{ pointer: '/last-event-id' }] } })
})

t.test('the gateway sends a comment every 15 s, which keeps the stream open', async (t) => {
  const { id } = await open()
  const stream = await events('agent', id)
  await stream.event('ready')
  gateway.clock.advance(15_000)
  await until('the comment arrives', () => stream.state.text.includes(': still here\n\n'))
  t.equal(stream.events.length, 1, 'a comment is not an event')
  stream.close()
})

t.test('401 403 404 a refused stream gets the problem over HTTP', async (t) => {
  const { id } = await open({ visibility: 'members' })
  const accept = { accept: 'text/event-stream' }
  t.match(await call({}, 'GET', streamOf(id), undefined, accept), {
    status: 401,
    body: { code: 'tenant_credentials_required' },
  })
  t.match(await call('analyst', 'GET', streamOf(id), undefined, accept), {
    status: 403,
    body: { code: 'insufficient_scope' },
  })
  const unseen = await call('agent', 'GET', streamOf(id), undefined, accept)
  t.match(unseen, { status: 404, body: { code: 'not_found' } })
  const bad_origin = { ...accept, origin: 'https://evil.example' }
  t.match(await call('lead', 'GET', streamOf(id), undefined, bad_origin), {
    status: 403,
    body: { code: 'origin_not_allowed' },
  })
  const listed = await events('lead', id, '', { origin: 'https://acme.example' })
  t.equal((await listed.response()).headers['access-control-allow-origin'], 'https://acme.example')
  listed.close()
})

t.test('200 a poll responds at once if there are messages, and otherwise at the next message', async (t) => {
  const { id } = await open()
  await say('lead', id, 'first')
  const at_once = await poll('agent', id, 0, 25)
  t.match(at_once, { status: 200, body: { data: [{ seq: 1, content: 'first' }] } })
  const waiting = poll('agent', id, 1, 25)
  const socket = await listen('lead', id)
  await say('lead', id, 'second')
  t.match((await waiting).body.data, [{ seq: 2, content: 'second' }])
  t.same(
    (await waiting).body.data[0],
    (await socket.frame('chat_message')).payload,
    'the same message as on the socket',
  )
})

t.test('200 a poll without messages ends with an empty page after its wait time', async (t) => {
  const { id } = await open()
  const waiting = poll('agent', id, 0, 20)
  let is_answered = false
  void waiting.then(() => {
    is_answered = true
  })
  await until('the gateway accepts the polls', async () => (await poll('lead', id, 0, 0)).status === 200)
  gateway.clock.advance(19_000)
  t.equal(is_answered, false)
  await until('the poll gets its response', () => {
    gateway.clock.advance(500)
    return is_answered
  })
  t.match(await waiting, { status: 200, body: { data: [], next_cursor: null } })
  for (const query of ['?after=0&wait=26', '?after=0&wait=-1', '?after=0&wait=x', '?wait=5']) {
    const answer = await call('agent', 'GET', `/v1/conversations/${id}/messages${query}`)
    t.match(answer, { status: 400, body: { code: 'validation_failed' } }, query)
  }
})

// Attack: opens polls and disconnects at once, to hold connection slots for 25 s.
t.test('a poll whose client disconnects releases its connection slot', async (t) => {
  const { id } = await open()
  const headers = await world.as('agent')
  for (let round = 0; round < 3; round++) {
    const url = `${gateway.url}/v1/conversations/${id}/messages?after=0&wait=25`
    // `fetch` is not used here: an aborted fetch can leave a connection without a request, which delays the close of
    // the gateway.
    const polls = Array.from({ length: 40 }, () => request(url, { headers, agent: false }))
    const ends = polls.map((poll) => new Promise((resolve) => poll.on('error', () => undefined).on('close', resolve)))
    for (const poll of polls) poll.end()
    await once(polls[0] as ClientRequest, 'socket')
    await new Promise((resolve) => setImmediate(resolve))
    for (const poll of polls) poll.destroy()
    await Promise.all(ends)
  }
  await until(
    'a connection slot is free',
    async () => (await call('agent', 'POST', `/v1/conversations/${id}/tickets`)).status === 201,
  )
  t.pass()
})

// Attack: resets requests early to use up the connection slots of a user or a tenant for ever.
t.test('a stream whose client disconnects before it begins releases its connection slot', async (t) => {
  const { id } = await open()
  await Promise.all(
    Array.from({ length: 160 }, async (_, number) => {
      const stream = await events('agent', id)
      await sleep(number % 40)
      stream.close()
    }),
  )
  await until('a connection slot is free', async () => {
    const stream = await events('agent', id)
    const { statusCode } = await stream.response()
    stream.close()
    return statusCode === 200
  })
  const all = await Promise.all(Array.from({ length: 50 }, () => events('agent', id)))
  const statuses = await Promise.all(all.map(async (stream) => (await stream.response()).statusCode))
  t.ok(statuses.filter((status) => status === 200).length >= 45, `${statuses}`)
  for (const stream of all) stream.close()
})
