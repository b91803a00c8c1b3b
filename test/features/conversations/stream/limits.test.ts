import { connect as connectTcp } from 'node:net'
import { WebSocket } from 'ws'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { startListening } from './world.js'

const here = await startListening({ env: { BUDGET_TYPING: '2/60', CONNECTIONS_USER: '4', CONNECTIONS_TENANT: '6' } })
t.teardown(() => here.close())
const { gateway, world, connect, listen, open, say, events, poll, call, streamOf } = here

async function closeAll(...sockets: Awaited<ReturnType<typeof listen>>[]) {
  for (const { socket } of sockets) socket.terminate()
  await Promise.all(sockets.map((each) => each.closed()))
}

t.test('4429 429 the limit of connections of a user counts all kinds, and closing one makes room', async (t) => {
  const { id } = await open()
  const first = await listen('agent', id)
  const second = await listen('agent', id)
  const stream = await events('agent', id)
  await stream.event('ready')
  const waiting = poll('agent', id, 0, 25)
  const full = async () => (await call('agent', 'POST', `/v1/conversations/${id}/tickets`)).status === 429
  await until('the poll counts as a connection', full)
  const refused = await connect('agent', id)
  t.same(await refused.closed(), { code: 4429, reason: 'too_many_connections; Retry-After: 5' })
  t.match(await call('agent', 'GET', streamOf(id), undefined, { accept: 'text/event-stream' }), {
    status: 429,
    body: { code: 'too_many_connections' },
  })
  t.match(await poll('agent', id, 0, 1), { status: 429, body: { code: 'too_many_connections' } })
  await say('lead', id, 'ends the poll')
  t.equal((await waiting).status, 200)
  const third = await listen('agent', id)
  stream.close()
  await until('the closed stream has released its slot', async () => !(await full()))
  await closeAll(first, second, third)
})

t.test('4429 the limit of connections is per tenant', async (t) => {
  const { id } = await open()
  const sockets = [
    ...(await Promise.all([1, 2, 3, 4].map(() => listen('lead', id)))),
    await listen('agent', id),
    await listen('agent', id),
  ]
  t.match(await (await connect('owner', id)).closed(), { code: 4429, reason: /too_many_connections/ })
  const foreign = await world.as('other_owner', world.globex)
  const theirs = await open({}, foreign)
  await closeAll(await listen(foreign, theirs.id), ...sockets)
})

t.test('4429 typing over the budget gets error frames, and the tenth closes the connection', async (t) => {
  const { id } = await open()
  const socket = await listen('agent', id)
  const listener = await listen('lead', id)
  for (let count = 0; count < 12; count++) socket.send({ type: 'typing', is_typing: true })
  t.match(await socket.closed(), { code: 4429, reason: /^rate_limited; Retry-After: \d+$/ })
  const errors = socket.frames.filter(({ type }) => type === 'error')
  t.equal(errors.length, 10)
  t.match(errors[0]?.payload, { code: 'rate_limited', status: 429, violated_policies: ['typing'] })
  t.equal(listener.frames.filter(({ type }) => type === 'chat_typing').length, 2, 'frames within the budget')
  await closeAll(listener)
})

// Attack: floods the gateway with frames that need no scope.
t.test('4429 a flood of frames of any kind closes the connection', async (t) => {
  const { id } = await open()
  for (const frame of ['{"type":"ping"}', 'no json']) {
    const socket = await listen('agent', id)
    for (let count = 0; count < 80; count++) socket.send(frame)
    t.match(await socket.closed(), { code: 4429 }, frame)
  }
  const controls = await listen('agent', id)
  for (let count = 0; count < 80; count++) controls.socket.ping()
  t.match(await controls.closed(), { code: 4429 }, 'ping frames of the protocol')
})

t.test('1009 1008 a frame over 16 KiB, and a binary frame; a frame of exactly 16 KiB is accepted', async (t) => {
  const { id } = await open()
  const large = await listen('agent', id)
  large.send('x'.repeat(16_384))
  t.match((await large.frame('error')).payload, { code: 'malformed_json' })
  large.send('x'.repeat(16_385))
  t.match(await large.closed(), { code: 1009 })
  const binary = await listen('agent', id)
  binary.socket.send(Buffer.from('{"type":"ping"}'), { binary: true })
  t.same(await binary.closed(), { code: 1008, reason: 'malformed_request' })
  const unmasked = await listen('agent', id)
  Reflect.get(unmasked.socket, '_socket').write(Buffer.from([0x81, 0x02, 0x7b, 0x7d]))
  t.match(await unmasked.closed(), { code: 1002 }, 'an invalid frame')
})

t.test('4408 the gateway pings every 30 s, and closes a connection that is silent for 60 s', async (t) => {
  const { id } = await open()
  const alive = await listen('agent', id)
  const dead = await listen('lead', id, '', { autoPong: false })
  const pings = { alive: 0, dead: 0 }
  alive.socket.on('ping', () => {
    pings.alive += 1
  })
  dead.socket.on('ping', () => {
    pings.dead += 1
  })
  for (const turn of [1, 2]) {
    gateway.clock.advance(30_000)
    await until('both clients got a ping', () => pings.alive === turn && (pings.dead === turn || !dead.isOpen()))
  }
  t.same(await dead.closed(), { code: 4408, reason: 'connection_silent' })
  t.ok(alive.isOpen())
  const talking = await listen('lead', id, '', { autoPong: false })
  for (let turn = 0; turn < 3; turn++) {
    gateway.clock.advance(29_000)
    const from = talking.frames.length
    talking.send({ type: 'ping' })
    await talking.frame('pong', from)
  }
  t.ok(talking.isOpen(), 'a ping of the client counts')
  await closeAll(alive, talking)
})

// Attack: requests many messages and does not read them, so that they fill the memory of the gateway.
for (const way of ['WebSocket', 'server-sent events'] as const) {
  t.test(`1013 a reader by ${way} that does not read is disconnected, and disturbs no other connection`, async (t) => {
    const { id } = await open()
    const { id: elsewhere } = await open()
    const slow = way === 'WebSocket' ? await slowSocket(id) : await slowStream(id)
    const others = await Promise.all([1, 2, 3].map(() => listen('agent', elsewhere)))
    const reader = await listen('lead', id)
    // 7 MB become visible at once, as after a failure of the bus. No budget of the writers slows them down.
    await gateway.sql(`
      insert into messages (tenant_id, id, conversation_id, seq, created_change, change, author_kind, author_id, content, created_at)
        select '${world.acme.id}', gen_random_uuid(), '${id}', n, n, n, 'user', '${world.ids.owner}', repeat('\u{1f642}', 2000), now()
        from generate_series(1, 900) n;
      update conversations set last_seq = 900, last_change = 900 where id = '${id}'`)
    await say('owner', id, 'one more')
    await until('the reader has all messages', () => reader.frames.length === 902, { within_ms: 30_000 })
    const seqs = reader.frames.slice(1).map(({ payload }) => payload.seq)
    t.equal(String(seqs), String(Array.from({ length: 901 }, (_each, index) => index + 1)), 'each seq once, in order')
    await until('the slow connection has released its slot', async () => {
      // The clock goes faster than the pings of the gateway, which would close a connection that says nothing.
      for (const each of [reader, ...others]) {
        const from = each.frames.length
        each.send({ type: 'ping' })
        await each.frame('pong', from)
      }
      gateway.clock.advance(5_000)
      return (await call('agent', 'POST', `/v1/conversations/${id}/tickets`)).status === 201
    })
    t.match(await slow.readOn(), { code: 1013, reason: 'connection_slow' })
    t.ok(slow.heard() < 900, 'the gateway did not buffer the unread messages')
    for (const each of [reader, ...others]) t.ok(each.isOpen())
    await closeAll(reader, ...others)
  })
}

/** Listens without reading. `readOn` reads to the end, and returns how the connection ended. */
async function slowSocket(id: string) {
  const slow = await listen('agent', id)
  slow.socket.pause()
  const readOn = () => {
    slow.socket.resume()
    return slow.closed(20_000)
  }
  return { readOn, heard: () => slow.frames.length }
}

async function slowStream(id: string) {
  const slow = await events('agent', id)
  await slow.event('ready')
  const response = await slow.response()
  response.pause()
  const readOn = async () => {
    response.resume()
    const { payload } = await slow.event('error')
    await slow.closed(20_000)
    // An HTTP response has no close code. Its last event has the same problem code.
    return { code: 1013, reason: payload.code }
  }
  return { readOn, heard: () => slow.events.length }
}

t.test('an unfinished handshake holds no connection slot', async (t) => {
  const { id } = await open()
  const { hostname, port } = new URL(gateway.url)
  const half = connectTcp({ host: hostname, port: Number(port) })
  half.write(`GET ${streamOf(id)} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n`)
  const socket = await listen('agent', id)
  t.equal(socket.socket.readyState, WebSocket.OPEN)
  half.destroy()
  await closeAll(socket)
})
