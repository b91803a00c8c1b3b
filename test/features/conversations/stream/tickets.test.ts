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

t.test('201 a ticket opens a socket without any header, as the user who asked for it', async (t) => {
  const { id } = await open()
  const answer = await call('agent', 'POST', `/v1/conversations/${id}/tickets`)
  t.match(answer, { status: 201, body: { ticket: /^ghs_[\w-]{43}$/, expires_in: 30 } })
  t.equal(Date.parse(answer.body.expires_at) - gateway.clock.now() < 30_001, true)
  const socket = withTicket(id, answer.body.ticket, { origin: ORIGIN })
  t.match(await socket.frame('ready'), { payload: { last_seq: 0 } })
  socket.send({ type: 'typing', is_typing: true })
  t.equal((await socket.frame('chat_typing')).payload.user_id, ids.agent)
  const [row] = await gateway.sql('select digest, key_digest from stream_tickets')
  t.notMatch(JSON.stringify(row), answer.body.ticket, 'what is kept is a digest')
})

// Attack: a ticket that was read in a log, a history or over a shoulder.
t.test('4401 a ticket works once, also when it is tried by many at once', async (t) => {
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

t.test('4401 a ticket is for one conversation, for half a minute, and whole', async (t) => {
  const { id } = await open()
  const { id: other } = await open()
  const refused = { code: 4401, reason: 'invalid_ticket' }
  const token = await ticket('agent', id)
  t.same(await withTicket(other, token).closed(), refused, 'of another conversation')
  await withTicket(id, token).frame('ready')
  const damaged = await ticket('agent', id)
  for (const text of [`${damaged.slice(0, -1)}-`, 'x', '', `ghs_${'A'.repeat(43)}`, damaged.toUpperCase()]) {
    t.same(await withTicket(id, text).closed(), refused, text)
  }
  const late = await ticket('agent', id)
  gateway.clock.advance(30_001)
  t.same(await withTicket(id, late).closed(), refused, 'too late')
})

// Stops a ticket from being a key: it stands for the headers on this one route, and adds nothing to it.
t.test('a ticket says who calls, and not what they may: rights are read anew', async (t) => {
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

t.test('400 401 a ticket is nothing to any other route, and nothing beside the headers', async (t) => {
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

t.test('400 keys and access tokens in the URL are refused, on a socket too', async (t) => {
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

t.test('403 404 no ticket for a key alone, for a stranger, or for what is not there', async (t) => {
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

t.test('a ticket opens a stream of events too', async (t) => {
  const { id } = await open()
  await say('lead', id, 'first')
  const stream = await events({}, id, `?after=0&token=${await ticket('agent', id)}`)
  t.match(await stream.event('chat_message'), { id: '1', payload: { content: 'first' } })
  stream.close()
})

// Stops a log from holding what opens a stream.
t.test('no ticket stands in a log line', async (t) => {
  const tickets = gateway.lines.filter((line) => /ghs_[\w-]{8}/.test(line))
  t.same(tickets, [])
  t.ok(gateway.lines.length > 50)
})
