import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { call, open, patch, say, add, remove, keyWith } = conversationCalls(gateway, world)
const events = (action: string) =>
  gateway.sql(`select * from audit_events where action = '${action}' order by seq desc limit 1`)

// Attack: a key that may change but not view conversations sends empty changes to read the last message.
t.test('200 the response to a change contains the last message only if the caller may view it', async (t) => {
  const { id } = await open()
  await say('agent', id, 'A secret of the customer')
  const blind = await keyWith('conversations:edit', 'handoff:perform')
  const seeing = await keyWith('conversations:edit', 'conversations:view')
  for (const answer of [
    await patch(blind, id, { status: 'open' }),
    await patch(blind, id, { status: 'pending' }),
    await call(blind, 'POST', `/v1/conversations/${id}/handoff`, { assignee_id: null }),
  ]) {
    t.match(answer, { status: 200, body: { id, last_message: null, unread_count: null } })
    t.notMatch(answer.text, /secret/)
  }
  t.match(await patch(seeing, id, { status: 'open' }), { status: 200, body: { last_message: { seq: 1 } } })
})

// The audit log cannot be changed, and more members can read it than the conversation.
t.test('the audit log records that a title changed, but not the title', async (t) => {
  const { id } = await open({ title: 'The merger of 2027', visibility: 'members' })
  t.equal((await patch('lead', id, { title: 'The merger is off', status: 'pending' })).status, 200)
  const [updated] = await events('conversation.updated')
  t.match(updated?.changes, { fields: ['title', 'status'], before: { status: 'open' }, after: { status: 'pending' } })
  t.notMatch(JSON.stringify(await gateway.sql('select * from audit_events')), /merger/)
})

// Attack: the reported member reads the audit log, or uses a key, to find out who reported them.
t.test('a report does not name its reporter in the audit log, or to a key without a user', async (t) => {
  const { id } = await open()
  const message = await say('admin', id, 'You fool')
  const reported = await call('agent', 'POST', `/v1/conversations/${id}/messages/${message.id}/reports`, {
    reason: 'rude',
  })
  t.equal(reported.status, 201)
  t.match(await events('message_report.created'), [
    { actor_kind: 'user', actor_id: null, address: null, user_agent: null, target_id: reported.body.id },
  ])
  const key = await keyWith('conversations:moderate')
  t.match(await call(key, 'GET', `/v1/reports/${reported.body.id}`), { status: 200, body: { reporter_id: null } })
  t.match((await call(key, 'GET', '/v1/reports')).body.data, [{ reporter_id: null }])
  t.match((await call('owner', 'GET', `/v1/reports/${reported.body.id}`)).body, { reporter_id: world.ids.agent })
})

// A deleted message must not be delivered again, and a removed member must receive no message.
t.test('a replay returns the message in its current state', async (t) => {
  const { id } = await open({ visibility: 'members' })
  t.equal((await add('lead', id, world.ids.agent)).status, 201)
  const path = `/v1/conversations/${id}/messages`
  const send = () => call('agent', 'POST', path, { content: 'Not for long' }, { 'idempotency-key': 'once' })
  const first = await send()
  t.match(await send(), { status: 201, body: first.body }, 'the message has not changed')
  t.equal((await call('lead', 'DELETE', `${path}/${first.body.id}`)).status, 204)
  const again = await send()
  t.match(again, { status: 201, body: { id: first.body.id, seq: 1, content: null } })
  t.equal(again.headers.get('idempotency-replayed'), 'true')
  t.equal((await remove('lead', id, world.ids.agent)).status, 204)
  t.match(await send(), { status: 404, body: { code: 'not_found' } })
})
