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

// Stops whoever may change conversations, and not view them, from reading along by changing nothing again and again.
t.test('200 a write tells of a message only to whoever may view', async (t) => {
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

// Stops whoever reads the audit from reading what members alone may see, and what cannot be taken back.
t.test('the audit says that a title changed, and not what it says', async (t) => {
  const { id } = await open({ title: 'The merger of 2027', visibility: 'members' })
  t.equal((await patch('lead', id, { title: 'The merger is off', status: 'pending' })).status, 200)
  const [updated] = await events('conversation.updated')
  t.match(updated?.changes, { fields: ['title', 'status'], before: { status: 'open' }, after: { status: 'pending' } })
  t.notMatch(JSON.stringify(await gateway.sql('select * from audit_events')), /merger/)
})

// Stops the reported, who may read the audit or hold a key, from finding out who did it.
t.test('a report names nobody in the audit, and nobody to a key alone', async (t) => {
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

// Stops a message from coming back after it was deleted, and from reaching whoever was removed.
t.test('a replayed message is the message as it is now', async (t) => {
  const { id } = await open({ visibility: 'members' })
  t.equal((await add('lead', id, world.ids.agent)).status, 201)
  const path = `/v1/conversations/${id}/messages`
  const send = () => call('agent', 'POST', path, { content: 'Not for long' }, { 'idempotency-key': 'once' })
  const first = await send()
  t.match(await send(), { status: 201, body: first.body }, 'unchanged as long as it is')
  t.equal((await call('lead', 'DELETE', `${path}/${first.body.id}`)).status, 204)
  const again = await send()
  t.match(again, { status: 201, body: { id: first.body.id, seq: 1, content: null } })
  t.equal(again.headers.get('idempotency-replayed'), 'true')
  t.equal((await remove('lead', id, world.ids.agent)).status, 204)
  t.match(await send(), { status: 404, body: { code: 'not_found' } })
})
