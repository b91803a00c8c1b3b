import { randomUUID } from 'node:crypto'
import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import { startGateway } from '../../helpers/gateway.js'
import { openSocket } from '../../helpers/sockets.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { startListening } from './stream/world.js'

const signing_keys = generateSigningKeys()
const here = await startListening({ signing_keys })
t.teardown(() => here.close())
const { gateway, world, open, say, call, get, add, listen, events, poll, keyWith } = here
const { acme, ids } = world
const TABLES = ['conversation_members', 'messages', 'read_markers', 'message_reports', 'stream_tickets']

const remove = (who: Parameters<typeof call>[0], id: string, more?: Record<string, string>) =>
  call(who, 'DELETE', `/v1/conversations/${id}`, undefined, more)

/** Returns how many rows of each table belong to a conversation. */
async function rowsOf(id: string): Promise<Record<string, number>> {
  const counts = await Promise.all(
    TABLES.map(async (table) => {
      const [row] = await gateway.sql(`select count(*)::int as count from ${table} where conversation_id = '${id}'`)
      return [table, Number(row?.count)] as const
    }),
  )
  const [row] = await gateway.sql(`select count(*)::int as count from conversations where id = '${id}'`)
  return { ...Object.fromEntries(counts), conversations: Number(row?.count) }
}

/** Opens a conversation with at least one row in each table. */
async function full(content: string) {
  const { id } = await open({ title: `Title ${content}` })
  await add('lead', id, ids.agent)
  const message = await say('agent', id, content)
  await say('lead', id, 'a reply', { reply_to: message.id })
  await call('lead', 'PUT', `/v1/conversations/${id}/read`, { seq: 1 })
  await call('lead', 'POST', `/v1/conversations/${id}/messages/${message.id}/reports`, { reason: content })
  await here.ticket('agent', id)
  return { id, message }
}

t.test('204 404 a deleted conversation leaves nothing behind but its audit, and another one stays', async (t) => {
  const { id, message } = await full('CONFIDENTIAL')
  const other = await full('other')
  for (const [table, count] of Object.entries(await rowsOf(id))) t.ok(count > 0, `${table} before`)
  const before = await rowsOf(other.id)
  const deleted = await remove('lead', id)
  t.match(deleted, { status: 204, text: '' })
  for (const [table, count] of Object.entries(await rowsOf(id))) t.equal(count, 0, table)
  t.same(await rowsOf(other.id), before)
  for (const path of ['', '/messages', '/members', `/messages/${message.id}`, '/messages?after=0&wait=5']) {
    t.match(await call('lead', 'GET', `/v1/conversations/${id}${path}`), { status: 404, body: { code: 'not_found' } })
  }
  t.match(await remove('lead', id), { status: 404, body: { code: 'not_found' } }, 'a second request')
  const request_id = deleted.headers.get('x-request-id')
  const told = await gateway.sql(`select * from audit_events where request_id = '${request_id}'`)
  t.match(told, [{ action: 'conversation.deleted', target_kind: 'conversation', target_id: id, actor_id: ids.lead }])
  const changes = {
    before: { customer_id: null, assignee_id: null, channel: 'web', status: 'open', visibility: 'tenant', last_seq: 2 },
  }
  t.same(
    told.map((event) => event.changes),
    [changes],
  )
  const audit = await gateway.sql(
    `select count(*)::int as count from audit_events where changes::text like '%CONFIDENTIAL%'`,
  )
  t.same(audit, [{ count: 0 }], 'the audit holds nothing that members wrote')
})

t.test('403 404 412 only a holder of conversations:moderate who sees the conversation can delete it', async (t) => {
  const { id } = await open({ visibility: 'members' })
  t.match(await remove('agent', id), { status: 403, body: { missing: ['conversations:moderate'] } })
  t.match(await remove('admin', id), { status: 404, body: { code: 'not_found' } }, 'a moderator who does not see it')
  t.match(await remove(await keyWith('conversations:moderate'), id), { status: 404 }, 'a key sees none of members')
  t.match(await remove('lead', randomUUID()), { status: 404, body: { code: 'not_found' } })
  t.match(await remove('lead', id, { 'if-match': '"9"' }), { status: 412, body: { code: 'precondition_failed' } })
  t.equal((await get('lead', id)).status, 200, 'a refused request deletes nothing')
  t.equal((await remove('lead', id, { 'if-match': '"1"' })).status, 204)
  const shared = await open()
  t.equal((await remove(await keyWith('conversations:moderate'), shared.id)).status, 204, 'a key alone')
})

t.test('4403 the open connections of a deleted conversation end with not_found, and others stay', async (t) => {
  const replica = await startGateway({ signing_keys, on: gateway.test_database })
  t.teardown(() => replica.close())
  const [{ id }, other] = [await open(), await open()]
  const socket = await listen('agent', id)
  const stream = await events('agent', id)
  await stream.event('ready')
  const polled = poll('owner', id, 0, 25)
  const elsewhere = await listen('agent', other.id)
  const there = openSocket(replica, here.streamOf(id), { headers: await world.as('lead') })
  await there.frame('ready')
  t.equal((await remove('lead', id)).status, 204)
  t.same(await socket.closed(), { code: 4403, reason: 'not_found' })
  t.match((await stream.event('error')).payload, { code: 'not_found', status: 404 })
  await stream.closed()
  t.match(await polled, { status: 404, body: { code: 'not_found' } })
  await until('the other replica checks the access', () => {
    replica.clock.advance(1_000)
    return !there.isOpen()
  })
  t.same(await there.closed(), { code: 4403, reason: 'not_found' })
  t.ok(elsewhere.isOpen())
  const late = await here.connect('agent', id)
  t.same(await late.closed(), { code: 4403, reason: 'not_found' }, 'a new connection')
  elsewhere.socket.terminate()
})

// One statement for very many messages would exceed the time of a statement.
t.test('204 a conversation with thousands of messages, and replies among them', async (t) => {
  const { id } = await open()
  await gateway.sql(`
    insert into messages (tenant_id, id, conversation_id, seq, created_change, change, author_kind, author_id, content, reply_to, created_at)
      select '${acme.id}', md5('${id}' || n)::uuid, '${id}', n, n, n, 'user', '${ids.owner}', 'x',
        case when n % 500 = 2 then md5('${id}' || (n - 1))::uuid end, now() from generate_series(1, 6001) n;
    update conversations set last_seq = 6001, last_change = 6001 where id = '${id}'`)
  t.equal((await remove('lead', id)).status, 204)
  t.equal((await rowsOf(id)).messages, 0)
})

// A request that was checked before the deletion must not fail with 500, and must not bring anything back.
t.test('404 what other clients do at the same time is done before the deletion or refused', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const { id, message } = await full(`round ${round}`)
    const of = `/v1/conversations/${id}`
    const acts = () => [
      call('agent', 'POST', `${of}/messages`, { content: 'x', reply_to: message.id }),
      call('agent', 'PATCH', `${of}/messages/${message.id}`, { content: 'edited' }),
      call('agent', 'POST', `${of}/tickets`),
      call('owner', 'PUT', `${of}/read`, { seq: 1 }),
      call('owner', 'POST', `${of}/messages/${message.id}/reports`, { reason: 'x' }),
      call('lead', 'POST', `${of}/members`, { user_id: ids.owner }),
      call('lead', 'PATCH', of, { title: `x${Math.random()}` }),
    ]
    const answers = await Promise.all([...acts(), remove('lead', id), ...acts()])
    const statuses = answers.map(({ status }) => status)
    t.ok(
      statuses.every((status) => [200, 201, 204, 404, 409].includes(status)),
      answers.map(({ status, text }) => `${status} ${status >= 500 ? text : ''}`).join(' '),
    )
    t.match(await get('lead', id), { status: 404 })
    for (const [table, count] of Object.entries(await rowsOf(id))) t.equal(count, 0, table)
  }
})
