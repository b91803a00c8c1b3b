import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { buildWorld, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { ids, globex } = world
const { call, open, patch, say, add, keyWith } = conversationCalls(gateway, world)
const report = (who: Person, id: string, message_id: string, reason = 'rude') =>
  call(who, 'POST', `/v1/conversations/${id}/messages/${message_id}/reports`, { reason })
const decide = (who: Person, id: string, what: 'review' | 'dismiss', note: unknown = 'Seen') =>
  call(who, 'POST', `/v1/reports/${id}/${what}`, { note })
const queue = async (who: Person, query = '') => (await call(who, 'GET', `/v1/reports?limit=100${query}`)).body.data

t.test('201 a user can report a message once, and the report keeps a copy of the text', async (t) => {
  const { id } = await open()
  const message = await say('agent', id, 'You fool')
  const made = await report('lead', id, message.id)
  t.equal(made.status, 201, made.text)
  t.match(made.body, { conversation_id: id, message_id: message.id, reason: 'rude', status: 'pending' })
  t.match(await report('lead', id, message.id, 'again'), { status: 409, body: { code: 'already_reported' } })
  t.equal((await report('owner', id, message.id)).status, 201, 'another reporter')
  const path = `/v1/conversations/${id}/messages/${message.id}`
  await call('agent', 'PATCH', path, { content: 'You friend' })
  await call('agent', 'DELETE', path)
  const seen = await call('admin', 'GET', `/v1/reports/${made.body.id}`)
  t.match(seen.body, {
    id: made.body.id,
    reporter_id: ids.lead,
    message: { content: 'You fool', author: { kind: 'user', id: ids.agent } },
    note: null,
    decided_by: null,
  })
  for (const reason of ['', '  ', 'x'.repeat(1001), null]) {
    t.equal((await report('admin', id, message.id, reason as string)).status, 400)
  }
})

// A double click must not create two reports.
t.test('201 409 of 20 concurrent reports by one user, exactly one is created', async (t) => {
  const { id } = await open()
  const { id: message_id } = await say('agent', id, 'x')
  await world.as('lead')
  const statuses = (await Promise.all(Array.from({ length: 20 }, () => report('lead', id, message_id)))).map(
    ({ status }) => status,
  )
  t.same(statuses.sort(), [201, ...Array(19).fill(409)])
})

t.test('200 409 a report is reviewed or dismissed once, with a note', async (t) => {
  const { id } = await open()
  const made = []
  for (const content of ['one', 'two', 'three']) {
    const { id: message_id } = await say('agent', id, content)
    made.push((await report('owner', id, message_id)).body.id as string)
  }
  const [first = '', second = '', third = ''] = made
  const reviewed = await decide('lead', first, 'review', 'Told them off')
  t.match(reviewed, {
    status: 200,
    body: { status: 'reviewed', note: 'Told them off', decided_by: { kind: 'user', id: ids.lead }, decided_at: String },
  })
  t.match(await decide('admin', second, 'dismiss'), { status: 200, body: { status: 'dismissed' } })
  for (const each of [first, second]) {
    for (const what of ['review', 'dismiss'] as const) {
      t.match(await decide('lead', each, what), { status: 409, body: { code: 'already_decided' } })
    }
  }
  t.same((await call('lead', 'GET', `/v1/reports/${first}`)).body, reviewed.body, 'the first decision is unchanged')
  for (const note of ['', ' ', null, 5]) t.equal((await decide('lead', third, 'review', note)).status, 400)
  const at_once = await Promise.all(
    Array.from({ length: 10 }, (_, number) => decide('lead', third, number % 2 === 0 ? 'review' : 'dismiss')),
  )
  t.same(at_once.map(({ status }) => status).sort(), [200, ...Array(9).fill(409)])

  const idsOf = async (query: string) => (await queue('lead', query)).map((each: { id: string }) => each.id)
  t.ok((await idsOf('&status=reviewed')).includes(first))
  t.ok((await idsOf('&status=dismissed')).includes(second))
  t.notOk((await idsOf('&status=pending')).includes(first))
  t.equal((await call('lead', 'GET', '/v1/reports?status=open')).status, 400)
})

t.test('a reporter sees their own reports, without the copy and without the member who decided', async (t) => {
  const { id } = await open()
  const { id: message_id } = await say('lead', id, 'COPYMARK')
  const { body } = await report('agent', id, message_id, 'not nice')
  await decide('admin', body.id, 'review', 'NOTEMARK')
  const mine = await call('agent', 'GET', '/v1/reports/mine')
  t.match(mine, { status: 200, body: { data: [{ id: body.id, status: 'reviewed', reason: 'not nice' }] } })
  t.equal(mine.body.data.length, 1)
  t.notMatch(mine.text, /COPYMARK|NOTEMARK|decided_by|reporter_id/)
  t.match(await call('agent', 'GET', '/v1/reports'), { status: 403, body: { missing: ['conversations:moderate'] } })
  t.match(await call('agent', 'GET', `/v1/reports/${body.id}`), { status: 403 })
})

// Attack: a reported member who is a moderator or auditor looks for the reporter, to take revenge.
t.test('404 the reported author never sees who reported, and cannot decide about the report', async (t) => {
  const { id } = await open()
  const { id: message_id } = await say('lead', id, 'by a moderator')
  const { body } = await report('agent', id, message_id)
  t.notOk((await queue('lead')).some((each: { id: string }) => each.id === body.id))
  t.ok((await queue('admin')).some((each: { id: string }) => each.id === body.id))
  t.match(await call('lead', 'GET', `/v1/reports/${body.id}`), { status: 404 })
  t.match(await decide('lead', body.id, 'dismiss'), { status: 404 })

  const of_owner = await say('owner', id, 'by the Owner')
  const { body: hidden } = await report('agent', id, of_owner.id)
  const audit = await call(
    'owner',
    'GET',
    `/v1/tenants/${world.acme.id}/audit-events?action=message_report.created&limit=100`,
  )
  const event = audit.body.data.find((each: { target_id: string }) => each.target_id === hidden.id)
  t.ok(event, 'the audit log records the report')
  t.notMatch(JSON.stringify(event), of_owner.id, 'the event does not name the message')
  t.notMatch(JSON.stringify(event), id)
  const answers = await Promise.all([
    call('owner', 'GET', `/v1/conversations/${id}/messages`),
    call('owner', 'GET', `/v1/conversations/${id}`),
    call('owner', 'GET', '/v1/reports?limit=100'),
    call('owner', 'GET', '/v1/reports/mine'),
  ])
  for (const answer of answers) t.notMatch(answer.text, hidden.id)
})

t.test('a moderator sees the copy of a reported message, but cannot open its private conversation', async (t) => {
  const { id } = await open({ visibility: 'members' }, 'owner')
  await add('owner', id, ids.agent)
  const { id: message_id } = await say('owner', id, 'behind the door')
  const { body } = await report('agent', id, message_id)
  const seen = await call('lead', 'GET', `/v1/reports/${body.id}`)
  t.match(seen, { status: 200, body: { message: { content: 'behind the door' } } })
  t.equal((await call('lead', 'GET', `/v1/conversations/${id}`)).status, 404)
  t.equal((await report('lead', id, message_id)).status, 404)
})

t.test('a report belongs to its tenant; a key can decide about reports, but cannot report', async (t) => {
  const { id } = await open()
  const { id: message_id } = await say('agent', id, 'x')
  const { body } = await report('owner', id, message_id)
  const there = await world.as('other_owner', globex)
  t.equal((await call(there, 'GET', `/v1/reports/${body.id}`)).status, 404)
  t.equal((await call(there, 'POST', `/v1/reports/${body.id}/review`, { note: 'x' })).status, 404)
  t.same((await call(there, 'GET', '/v1/reports')).body.data, [])
  const key = await keyWith('conversations:view', 'conversations:moderate')
  const USER = { status: 403, body: { code: 'user_required' } }
  t.match(await call(key, 'POST', `/v1/conversations/${id}/messages/${message_id}/reports`, { reason: 'x' }), USER)
  t.match(await call(key, 'GET', '/v1/reports/mine'), USER)
  t.match(await call(key, 'POST', `/v1/reports/${body.id}/dismiss`, { note: 'by rule' }), {
    status: 200,
    body: { decided_by: { kind: 'key', id: key.key_id } },
  })
  await patch('lead', id, { status: 'closed' })
  t.equal((await report('admin', id, message_id)).status, 201, 'a message of a closed conversation')
})
