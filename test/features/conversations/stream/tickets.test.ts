import { ask } from '../../../helpers/requests.js'
import { openSocket } from '../../../helpers/sockets.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { keyHeaders } from '../../../helpers/world.js'
import { startListening } from './world.js'

const here = await startListening()
t.teardown(() => here.close())
const { gateway, world, open, say, ticket, streamOf, call, keyWith, events } = here
const { acme, ids } = world
const ORIGIN = 'https://acme.example'

const withTicket = (id: string, token: string, headers: Record<string, string> = {}) =>
  openSocket(gateway, streamOf(id, `?token=${token}`), { headers })

t.test('201 101 a ticket opens a socket without headers, for the user who requested it', async (t) => {
  const { id } = await open()
  const answer = await call('agent', 'POST', `/v1/conversations/${id}/tickets`)
  t.match(answer, { status: 201, body: { ticket: /^ghs_[\w-]{43}$/, expires_in: 30 } })
  t.equal(Date.parse(answer.body.expires_at) - gateway.clock.now() < 30_001, true)
  const socket = withTicket(id, answer.body.ticket, { origin: ORIGIN })
  t.match(await socket.frame('ready'), { payload: { last_seq: 0 } })
  socket.send({ type: 'typing', is_typing: true })
  t.equal((await socket.frame('chat_typing')).payload.user_id, ids.agent)
  const [row] = await gateway.sql('select digest, key_digest from stream_tickets')
  t.notMatch(JSON.stringify(row), answer.body.ticket, 'the database stores only a digest')
})

// Attack: uses a ticket from a log, from the browser history or from a screen.
t.test('4401 a ticket is valid once, also for concurrent handshakes', async (t) => {
  const { id } = await open()
  const token = await ticket('agent', id)
  const tries = Array.from({ length: 20 }, () => withTicket(id, token))
  const outcomes = await Promise.all(
    tries.map((socket) =>
      until('a ticket is accepted or refused', () =>
        socket.frames.some(({ type }) => type === 'ready') ? 'ready' : socket.refusal(),
      ),
    ),
  )
  t.equal(outcomes.filter((outcome) => outcome === 'ready').length, 1)
  t.equal(outcomes.filter((outcome) => outcome === '4401 invalid_ticket').length, 19)
  t.same(await withTicket(id, token).closed(), { code: 4401, reason: 'invalid_ticket' })
})

t.test('4401 a ticket is valid for one conversation, for 30 s, and only unchanged', async (t) => {
  const { id } = await open()
  const { id: other } = await open()
  const refused = { code: 4401, reason: 'invalid_ticket' }
  const token = await ticket('agent', id)
  t.same(await withTicket(other, token).closed(), refused, 'another conversation')
  await withTicket(id, token).frame('ready')
  const damaged = await ticket('agent', id)
  for (const text of [`${damaged.slice(0, -1)}-`, 'x', '', `ghs_${'A'.repeat(43)}`, damaged.toUpperCase()]) {
    t.same(await withTicket(id, text).closed(), refused, text)
  }
  const late = await ticket('agent', id)
  gateway.clock.advance(30_001)
  t.same(await withTicket(id, late).closed(), refused, 'an expired ticket')
})

// Attack: uses a ticket to keep rights. A ticket replaces the headers on this one route, and grants nothing.
t.test('4401 4403 a ticket identifies the caller, and the gateway reads the rights at the handshake', async (t) => {
  const { id } = await open()
  const path = `/v1/tenants/${acme.id}/members/${ids.agent}/overrides/conversations:view`
  const denied = await ticket('agent', id)
  await call('owner', 'PUT', path, { effect: 'deny', reason: 'a test' })
  t.match(await withTicket(id, denied).closed(), { code: 4403, reason: 'insufficient_scope' })
  await call('owner', 'DELETE', path)
  const ended = await ticket('agent', id)
  await gateway.sql(`update sessions set ended_at = now(), end_reason = 'test' where user_id = '${ids.agent}'`)
  t.match(await withTicket(id, ended).closed(), { code: 4401, reason: 'invalid_token' })
  await gateway.sql(`update sessions set ended_at = null, end_reason = null where user_id = '${ids.agent}'`)
  const keyed = await ticket('agent', id)
  await gateway.sql(`update tenant_keys set disabled_at = now() where tenant_id = '${acme.id}' and name = 'First key'`)
  t.match(await withTicket(id, keyed).closed(), { code: 4401, reason: 'invalid_tenant_credentials' })
  await gateway.sql(`update tenant_keys set disabled_at = null where tenant_id = '${acme.id}'`)
  const foreign = await ticket('agent', id)
  t.match(await withTicket(id, foreign, { origin: 'https://evil.example' }).closed(), {
    code: 4403,
    reason: 'origin_not_allowed',
  })
})

t.test('400 401 a ticket is not valid on other routes, or together with credentials in headers', async (t) => {
  const { id } = await open()
  const token = await ticket('agent', id)
  const agent = await world.as('agent')
  for (const path of [`/v1/conversations/${id}`, `/v1/conversations/${id}/messages`, '/v1/access']) {
    t.match(await ask(gateway, `${path}?token=${token}`), {
      status: 401,
      body: { code: 'tenant_credentials_required' },
    })
    t.match(await ask(gateway, `${path}?token=${token}`, { headers: agent }), { status: 400 })
    const bearer = { authorization: `Bearer ${token}` }
    t.equal((await ask(gateway, path, { headers: bearer })).status, 401)
    t.equal((await ask(gateway, path, { headers: keyHeaders({ id: acme.id, key: token }) })).status, 401)
  }
  t.match(await ask(gateway, streamOf(id, `?token=${token}`), { headers: agent }), {
    status: 400,
    body: { code: 'malformed_request' },
  })
  await withTicket(id, token).frame('ready')
})

t.test('400 1008 keys and access tokens in the URL are refused, also for a socket', async (t) => {
  const { id } = await open()
  const access = await world.token('agent')
  for (const token of [access, acme.key]) {
    t.same(await withTicket(id, token).closed(), { code: 1008, reason: 'credentials_in_url' })
    t.match(await ask(gateway, streamOf(id, `?token=${token}`)), { status: 400, body: { code: 'credentials_in_url' } })
  }
  t.same(await openSocket(gateway, streamOf(id, `?access_token=x`)).closed(), {
    code: 1008,
    reason: 'credentials_in_url',
  })
})

t.test('403 404 a key without a user, a caller without the scope and a non-member get no ticket', async (t) => {
  const { id } = await open({ visibility: 'members' })
  const { id: seen } = await open()
  const key = await keyWith('conversations:view')
  t.match(await call(key, 'POST', `/v1/conversations/${seen}/tickets`), {
    status: 403,
    body: { code: 'user_required' },
  })
  t.match(await call('agent', 'POST', `/v1/conversations/${id}/tickets`), { status: 404, body: { code: 'not_found' } })
  t.equal((await call('stranger', 'POST', `/v1/conversations/${seen}/tickets`)).status, 403)
  t.equal((await call('analyst', 'POST', `/v1/conversations/${seen}/tickets`)).status, 403)
})

t.test('a ticket also opens an event stream', async (t) => {
  const { id } = await open()
  await say('lead', id, 'first')
  const stream = await events({}, id, `?after=0&token=${await ticket('agent', id)}`)
  t.match(await stream.event('chat_message'), { id: '1', payload: { content: 'first' } })
  stream.close()
})

// Attack: reads tickets from the log to open streams.
t.test('no log line contains a ticket', async (t) => {
  const tickets = gateway.lines.filter((line) => /ghs_[\w-]{8}/.test(line))
  t.same(tickets, [])
  t.ok(gateway.lines.length > 50)
})
