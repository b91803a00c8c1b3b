import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const { sql } = gateway
const { call, open, say, patch, keyWith } = conversationCalls(gateway, world)
const key = await keyWith('conversations:view', 'conversations:reply')
const fetchExport = (who: Person | Record<string, string>, id: string) => call(who, 'GET', `/v1/customers/${id}/export`)
// biome-ignore lint/suspicious/noExplicitAny: lines are looked into as JSON
const linesOf = (text: string): any[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

const customer = await world.createCustomer('acme', { email: 'export@people.example' })
const others = await world.createCustomer()
const talk = await open({ title: 'Open talk', customer_id: customer.id })
const first = await say(key, talk.id, 'Hello', { customer_id: customer.id })
const answer = await say('agent', talk.id, 'Dear customer')
const secret = await open({ title: 'Secret talk', customer_id: customer.id, visibility: 'members' })
await say('lead', secret.id, 'Between us')
const given = await open({ title: 'Now of others', customer_id: customer.id })
await say(key, given.id, 'Wrong place', { customer_id: customer.id })
await say('agent', given.id, 'Dear others')
await patch('lead', given.id, { customer_id: others.id })
const reports = (id: string, message_id: string) => `/v1/conversations/${id}/messages/${message_id}/reports`
const about_first = await call('agent', 'POST', reports(talk.id, first.id), { reason: 'rude' })
const about_agent = await call('lead', 'POST', reports(talk.id, answer.id), { reason: 'unfriendly' })

t.test('200 an export has the customer, the conversations that the caller sees, messages and reports', async (t) => {
  const exported = await fetchExport('lead', customer.id)
  t.equal(exported.status, 200, exported.text)
  t.equal(exported.headers.get('content-type'), 'application/x-ndjson; charset=utf-8')
  t.equal(exported.headers.get('content-disposition'), `attachment; filename="customer-${customer.id}.ndjson"`)
  t.equal(exported.headers.get('cache-control'), 'no-store')
  const lines = linesOf(exported.text)
  const { body } = await call('lead', 'GET', `/v1/customers/${customer.id}`)
  t.same(lines[0], { kind: 'customer', customer: body })
  t.same(
    lines.filter(({ kind }) => kind === 'conversation').map(({ conversation }) => conversation.title),
    ['Open talk', 'Secret talk'],
  )
  t.same(
    lines.filter(({ kind }) => kind === 'message').map(({ message }) => message.content),
    ['Hello', 'Dear customer', 'Between us', 'Wrong place'],
    'and not what members wrote to another customer',
  )
  t.same(
    lines.filter(({ kind }) => kind === 'report').map(({ report }) => report.id),
    [about_first.body.id, about_agent.body.id],
  )
  t.same(lines.at(-1), {
    kind: 'end',
    conversations: 2,
    messages: 4,
    reports: 2,
    hidden_conversations: 0,
    hidden_messages: 0,
  })
  t.notMatch(exported.text, /tenant_id|GLOBEXMARK/)
})

// Attack: a moderator exports a customer to read conversations whose members exclude them, or to learn who reported them.
t.test('an export leaves out and counts what the caller cannot see', async (t) => {
  await patch('lead', given.id, { visibility: 'members' })
  const of_owner = await fetchExport('owner', customer.id)
  t.equal(of_owner.status, 200, of_owner.text)
  t.notMatch(of_owner.text, /Secret talk|Between us|Wrong place/)
  t.match(linesOf(of_owner.text).at(-1), { conversations: 1, messages: 2, hidden_conversations: 1, hidden_messages: 1 })
  await sql(`update message_reports set author_id = '${ids.owner}', author_kind = 'user'
    where id = '${about_agent.body.id}'`)
  const again = linesOf((await fetchExport('owner', customer.id)).text)
  t.same(
    again.filter(({ kind }) => kind === 'report').map(({ report }) => report.id),
    [about_first.body.id],
    'a report about the caller',
  )
  const by_key = await fetchExport(await keyWith('conversations:view', 'conversations:moderate'), customer.id)
  t.equal(by_key.status, 200)
  t.ok(
    linesOf(by_key.text)
      .filter(({ kind }) => kind === 'report')
      .every(({ report }) => report.reporter_id === null),
    'a key alone does not see who reported',
  )
})

t.test('404 403 an export needs a customer of the tenant, and both scopes', async (t) => {
  const foreign = await world.createCustomer('globex')
  for (const id of [foreign.id, '00000000-0000-4000-8000-000000000000', 'x', customer.id.toUpperCase()]) {
    t.match(await fetchExport('owner', id), { status: 404, body: { code: 'not_found' } }, id)
  }
  t.match(await fetchExport('agent', customer.id), { status: 403, body: { missing: ['conversations:moderate'] } })
  t.match(await fetchExport('analyst', customer.id), { status: 403 })
  t.match(await fetchExport(await keyWith('conversations:moderate'), customer.id), {
    status: 403,
    body: { missing: ['conversations:view'] },
  })
  const query = await call('owner', 'GET', `/v1/customers/${customer.id}/export?format=csv`)
  t.equal(query.status, 400)
})

t.test('each export is recorded in the audit, without a value; HEAD and refused ones are not', async (t) => {
  const told = () =>
    sql(`select actor_kind, actor_id, target_kind, target_id, changes from audit_events
      where action = 'customer.exported' order by seq`)
  const before = (await told()).length
  await fetchExport('lead', customer.id)
  t.same((await told()).slice(before), [
    {
      actor_kind: 'user',
      actor_id: ids.lead,
      target_kind: 'customer',
      target_id: customer.id,
      changes: { fields: [] },
    },
  ])
  const head = await call('lead', 'HEAD', `/v1/customers/${customer.id}/export`)
  t.equal(head.status, 200)
  t.match(head.headers.get('content-disposition'), /attachment/)
  await fetchExport('agent', customer.id)
  t.equal((await told()).length, before + 1)
})

t.test('200 an export of many messages has each of them once, in order', async (t) => {
  const { id } = await world.createCustomer()
  const long = await open({ title: 'Long', customer_id: id })
  await sql(`insert into messages (tenant_id, id, conversation_id, seq, created_change, change, author_kind, author_id, content, created_at)
    select '${acme.id}', gen_random_uuid(), '${long.id}', n, n, n, 'user', '${ids.lead}', n::text, now()
    from generate_series(1, 1001) n; update conversations set last_seq = 1001, last_change = 1001 where id = '${long.id}'`)
  const lines = linesOf((await fetchExport('lead', id)).text)
  t.same(
    lines.filter(({ kind }) => kind === 'message').map(({ message }) => message.seq),
    Array.from({ length: 1001 }, (_, n) => n + 1),
  )
  t.match(lines.at(-1), { kind: 'end', messages: 1001 })
})

// Attack: a user starts many exports, so that the process and the database have no time for others.
t.test('429 a third export of a user at the same time', async (t) => {
  const { id } = await world.createCustomer()
  const long = await open({ title: 'Long', customer_id: id })
  await sql(`insert into messages (tenant_id, id, conversation_id, seq, created_change, change, author_kind, author_id, content, created_at)
    select '${acme.id}', gen_random_uuid(), '${long.id}', n, n, n, 'user', '${ids.lead}', repeat('x', 4000), now()
    from generate_series(1, 6000) n; update conversations set last_seq = 6000, last_change = 6000 where id = '${long.id}'`)
  const headers = await world.as('lead')
  const path = `/v1/customers/${id}/export`
  // fetch resolves with the headers. The bodies are larger than the buffers, so both exports wait for their client.
  const running = await Promise.all([1, 2].map(() => fetch(gateway.url + path, { headers })))
  t.same(
    running.map(({ status }) => status),
    [200, 200],
  )
  const refused = await ask(gateway, path, { headers })
  t.match(refused, { status: 429, body: { code: 'too_many_connections' } })
  t.equal(refused.headers.get('retry-after'), '5')
  t.equal((await fetchExport('owner', customer.id)).status, 200, 'another user')
  await sql(`update memberships set state = 'disabled' where tenant_id = '${acme.id}' and user_id = '${ids.lead}'`)
  // Attack: a removed user goes on reading an export that they started before.
  await t.rejects(running[0]?.text() as Promise<string>, 'the export breaks off')
  await running[1]?.body?.cancel()
})
