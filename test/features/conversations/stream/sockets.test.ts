import { request } from 'node:http'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { startListening } from './world.js'

const here = await startListening()
t.teardown(() => here.close())
const { gateway, world, connect, listen, open, say, add, call, streamOf } = here
const { ids } = world

t.test('4401 no credentials, invalid credentials, and credentials of another tenant', async (t) => {
  const { id } = await open()
  const owner = await world.as('owner')
  for (const [headers, reason] of [
    [{}, 'tenant_credentials_required'],
    [{ authorization: owner.authorization }, 'tenant_credentials_required'],
    [{ ...owner, authorization: 'Bearer x' }, 'invalid_token'],
    [{ ...owner, 'x-tenant-api-key': world.globex.key }, 'invalid_tenant_credentials'],
  ] as const) {
    const socket = await connect(headers as Record<string, string>, id)
    t.same(await socket.closed(), { code: 4401, reason })
    t.same(socket.frames, [], 'the client received no frame')
  }
})

// Attack: connects to conversations of others to find out which exist.
t.test('4403 a caller without access, and an unknown id, receive no frame', async (t) => {
  const { id } = await open({ visibility: 'members' })
  const foreign = await world.as('other_owner', world.globex)
  for (const [who, of, reason] of [
    ['agent', id, 'not_found'],
    ['analyst', id, 'insufficient_scope'],
    ['stranger', id, 'tenant_access_denied'],
    [foreign, id, 'not_found'],
    ['agent', '01a1fba4-5bfa-712a-9ba2-82483bb16519', 'not_found'],
    ['agent', 'no-id', 'not_found'],
  ] as const) {
    const socket = await connect(who as 'agent', of)
    t.same(await socket.closed(), { code: 4403, reason })
    t.same(socket.frames, [])
  }
})

t.test('101 a member connects, and a refused user connects after they became a member', async (t) => {
  const { id } = await open({ visibility: 'members' })
  await say('lead', id, 'before')
  t.match(await (await connect('agent', id)).closed(), { code: 4403 })
  await add('lead', id, ids.agent)
  const socket = await listen('agent', id)
  t.same(
    socket.frames,
    [{ type: 'ready', payload: { last_seq: 1, last_change: 1 }, id: 1 }],
    'no replay of earlier messages without `after`',
  )
  await say('lead', id, 'after')
  const { payload } = await socket.frame('chat_message')
  t.match(payload, { conversation_id: id, seq: 2, content: 'after', author: { kind: 'user', id: ids.lead } })
  const { body } = await call('agent', 'GET', `/v1/conversations/${id}/messages/${payload.id}`)
  t.same(payload, body, 'the message as the REST route returns it')
})

t.test('the gateway answers a ping, and sends typing to all listeners, including the sender', async (t) => {
  const { id } = await open()
  const agent = await listen('agent', id)
  const lead = await listen('lead', id)
  agent.send({ type: 'ping' })
  t.same(await agent.frame('pong'), { type: 'pong', payload: {} })
  agent.send({ type: 'typing', is_typing: true })
  for (const socket of [agent, lead]) {
    t.same((await socket.frame('chat_typing')).payload, { user_id: ids.agent, is_typing: true })
  }
  agent.send({ type: 'typing', is_typing: false })
  await until('typing ends for the listener', () => lead.frames.some(({ payload }) => payload.is_typing === false))
})

// Attack: a client writes another user into a frame. The gateway takes the identity from the handshake only.
t.test('a frame that violates its schema, or names a user, gets an error frame', async (t) => {
  const { id } = await open()
  const socket = await listen('agent', id)
  const other = await listen('lead', id)
  const bad: readonly [unknown, string][] = [
    [{ type: 'typing', is_typing: 'yes' }, 'validation_failed'],
    [{ type: 'typing', is_typing: true, user_id: ids.owner }, 'validation_failed'],
    [{ type: 'typing' }, 'validation_failed'],
    [{ type: 'chat_message', payload: { content: 'x' } }, 'validation_failed'],
    [{ type: '__proto__' }, 'validation_failed'],
    ['[]', 'validation_failed'],
    ['null', 'validation_failed'],
    ['{"type":', 'malformed_json'],
  ]
  for (const [frame, code] of bad) {
    const from = socket.frames.length
    socket.send(frame)
    const { payload } = await socket.frame('error', from)
    t.match(payload, { code, status: 400, request_id: /.+/, type: /\/problems\// }, JSON.stringify(frame))
  }
  t.ok(socket.isOpen(), 'the connection stays open')
  socket.send({ type: 'ping' })
  await socket.frame('pong')
  t.same(other.frames.length, 1, 'the other listener received no frame')
})

t.test('typing needs the current scope to reply', async (t) => {
  const { id } = await open()
  await call('owner', 'PUT', `/v1/tenants/${world.acme.id}/members/${ids.agent}/overrides/conversations:reply`, {
    effect: 'deny',
    reason: 'reads only',
  })
  const socket = await listen('agent', id)
  socket.send({ type: 'typing', is_typing: true })
  t.match((await socket.frame('error')).payload, { code: 'insufficient_scope', missing: ['conversations:reply'] })
  await call('owner', 'DELETE', `/v1/tenants/${world.acme.id}/members/${ids.agent}/overrides/conversations:reply`)
  // The interval stays below the typing budget, because repeated refusals close the connection.
  const isTyping = () => {
    socket.send({ type: 'typing', is_typing: true })
    return socket.frames.some(({ type }) => type === 'chat_typing')
  }
  await until('the scope is granted again', isTyping, { every_ms: 1100 })
})

// Attack: receives messages of a conversation without being in it.
t.test('a message reaches every listener of its conversation, and no other listener', async (t) => {
  const { id } = await open()
  const { id: elsewhere } = await open()
  const foreign = await world.as('other_owner', world.globex)
  const theirs = await open({}, foreign)
  const members = await Promise.all([listen('lead', id), listen('agent', id), listen('owner', id), listen('owner', id)])
  const others = [await listen('lead', elsewhere), await listen(foreign, theirs.id)]
  const message = await say('agent', id, 'hello <b>all</b>')
  for (const socket of members) t.same((await socket.frame('chat_message')).payload, message, 'as it was sent')
  await call('agent', 'PUT', `/v1/conversations/${id}/read`, { seq: 1 })
  const changed = await call('agent', 'PATCH', `/v1/conversations/${id}/messages/${message.id}`, { content: 'edited' })
  await call('lead', 'DELETE', `/v1/conversations/${id}/messages/${message.id}`)
  for (const socket of members) {
    const deleted = (await socket.frame('chat_message_deleted')).payload
    t.same((await socket.frame('chat_message_updated')).payload, changed.body)
    t.match(deleted, { id: message.id, seq: 1, content: null, deleted_at: String })
    const of_messages = socket.frames.filter(({ type }) => type.startsWith('chat_message')).map(({ type }) => type)
    t.same(of_messages, ['chat_message', 'chat_message_updated', 'chat_message_deleted'])
  }
  await say('lead', elsewhere, 'elsewhere')
  await say(foreign, theirs.id, 'theirs')
  for (const socket of others) {
    await socket.frame('chat_message')
    t.equal(socket.frames.length, 2, '`ready` and the message of this conversation')
  }
})

t.test('listeners receive read markers', async (t) => {
  const { id } = await open()
  await say('lead', id, 'read this')
  const socket = await listen('lead', id)
  const answer = await call('agent', 'PUT', `/v1/conversations/${id}/read`, { seq: 1 })
  t.ok(answer.status < 300, answer.text)
  t.same((await socket.frame('chat_read')).payload, { user_id: ids.agent, seq: 1 })
})

t.test('a refused write sends no frame', async (t) => {
  const { id } = await open()
  const socket = await listen('lead', id)
  for (const body of [{ content: '' }, { content: 'x', reply_to: '01a1fba4-5bfa-712a-9ba2-82483bb16519' }]) {
    t.equal((await call('lead', 'POST', `/v1/conversations/${id}/messages`, body)).status, 400)
  }
  await say('lead', id, 'this one is written')
  t.match((await socket.frame('chat_message')).payload, { seq: 1, content: 'this one is written' })
})

t.test('with ?after= missed messages come first, then live ones; without it no earlier message', async (t) => {
  const { id } = await open()
  for (let count = 1; count <= 60; count++) await say('lead', id, `message ${count}`)
  const behind = await listen('agent', id, '?after=3')
  const whole = await listen('agent', id, '?after=0')
  const ahead = await listen('agent', id, '?after=999999')
  await say('lead', id, 'live')
  const seqs = ({ frames }: typeof behind) =>
    frames.flatMap(({ type, payload }) => (type === 'chat_message' ? [payload.seq] : []))
  for (const [socket, after] of [
    [behind, 3],
    [whole, 0],
    [ahead, 60],
  ] as const) {
    await until('the live message arrives', () => seqs(socket).at(-1) === 61)
    t.same(
      seqs(socket),
      Array.from({ length: 61 - after }, (_each, index) => after + index + 1),
    )
    t.match(socket.frames[0], { type: 'ready', payload: { last_seq: 60 } })
  }
  t.match(await (await connect('agent', id, '?after=-1')).closed(), { code: 1008, reason: 'validation_failed' })
  t.match(await (await connect('agent', id, '?since=1')).closed(), { code: 1008, reason: 'validation_failed' })
})

t.test('a dropped connection disturbs no other, and a client that reconnects continues at its position', async (t) => {
  const { id } = await open()
  const staying = await listen('lead', id)
  for (let round = 0; round < 10; round++) {
    const socket = await listen('agent', id)
    socket.socket.terminate()
    await say('lead', id, `round ${round}`)
  }
  const back = await listen('agent', id, '?after=4')
  await until('the missed messages arrive', () => back.frames.length === 7)
  await until('all messages arrive', () => staying.frames.length === 11)
  t.same(
    staying.frames.slice(1).map(({ payload }) => payload.seq),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  )
})

t.test('426 406 a request that is not a stream learns how to open one', async (t) => {
  const { id } = await open()
  const plain = await call('agent', 'GET', streamOf(id))
  t.match(plain, { status: 426, body: { code: 'upgrade_required', detail: /text\/event-stream/ } })
  const offered = ['connection', 'upgrade', 'sec-websocket-version'].map((name) => plain.headers.get(name))
  // An Upgrade header says nothing to a client if Connection does not name it (RFC 9110 section 7.8).
  t.same(offered, ['Upgrade', 'websocket', '13'])
  for (const [accept, status] of [
    ['*/*', 426],
    ['application/json, */*;q=0.5', 426],
    ['text/event-stream;q=0', 406],
    ['text/event-stream;q=0, */*', 406],
    ['*/*;q=0', 406],
    ['application/x-text/event-stream', 406],
  ] as const) {
    t.equal((await call('agent', 'GET', streamOf(id), undefined, { accept })).status, status, accept)
  }
  for (const accept of ['text/*', 'TEXT/EVENT-STREAM;q=0.1', 'application/json, text/event-stream']) {
    const stream = await here.events('agent', id, '', { accept })
    t.equal((await stream.response()).statusCode, 200, accept)
    stream.close()
  }
  const json = await call('agent', 'GET', streamOf(id), undefined, { accept: 'application/json' })
  t.match(json, { status: 406, body: { code: 'not_acceptable', detail: /text\/event-stream/ } })
  const head = await call('agent', 'HEAD', streamOf(id), undefined, { accept: 'text/event-stream' })
  t.match([head.status, head.headers.get('content-type')], [200, 'text/event-stream; charset=utf-8'])
})

// Attack: destroys the connection during the handshake, again and again.
t.test('a client that disconnects during the handshake releases its connection slot', async () => {
  const { id } = await open()
  const headers = {
    ...(await world.as('agent')),
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  }
  for (let count = 0; count < 60; count++) {
    const outgoing = request(gateway.url + streamOf(id), { headers, agent: false })
    outgoing.on('error', () => undefined)
    outgoing.on('socket', (socket) => socket.once('connect', () => setImmediate(() => socket.destroy())))
    outgoing.end()
  }
  await until('a connection slot is free', async () => {
    const socket = await connect('agent', id)
    await until('the socket is ready or closed', () => socket.frames.length > 0 || socket.socket.readyState === 3)
    return socket.frames.length > 0
  })
})
