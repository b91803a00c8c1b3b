import { ERASED_AT_ONCE } from '../../../src/features/privacy/texts-store.js'
import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const { sql } = gateway
const { call, open, get, say, patch, keyWith } = conversationCalls(gateway, world)
const key = await keyWith('conversations:view', 'conversations:reply')
const remove = (id: string, more: Record<string, string> = {}) =>
  call('agent', 'DELETE', `/v1/customers/${id}`, undefined, more)
const messagesOf = async (id: string) => (await call('lead', 'GET', `/v1/conversations/${id}/messages`)).body.data
/** Inserts many messages of a member into a conversation. */
const fill = (id: string, messages: number) =>
  sql(`insert into messages (tenant_id, id, conversation_id, seq, created_change, change, author_kind, author_id, content, created_at)
    select '${acme.id}', gen_random_uuid(), '${id}', n, n, n, 'user', '${ids.lead}', 'FILLER', now()
    from generate_series(1, ${messages}) n;
    update conversations set last_seq = ${messages}, last_change = ${messages} where id = '${id}'`)

t.test('204 a deleted customer takes the text of their conversations along, and the rest stays', async (t) => {
  const customer = await world.createCustomer()
  const others = await world.createCustomer()
  const { id } = await open({ title: 'About them', customer_id: customer.id })
  const apart = await open({ title: 'About others', customer_id: others.id })
  await say('agent', id, 'Dear customer')
  const said = await say(key, id, 'I live in', { customer_id: customer.id })
  const kept = await say('agent', apart.id, 'Dear others')
  const given = await open({ title: 'Given', customer_id: customer.id })
  await say(key, given.id, 'It is me', { customer_id: customer.id })
  await patch('lead', given.id, { customer_id: others.id })
  const stays = await say('agent', given.id, 'Dear others')
  const report = await call('lead', 'POST', `/v1/conversations/${id}/messages/${said.id}/reports`, { reason: 'rude' })
  const before = (await get('lead', id)).body

  t.equal((await remove(customer.id)).status, 204)
  t.match((await get('lead', id)).body, {
    title: 'Erased conversation',
    customer_id: null,
    status: 'open',
    version: before.version + 1,
    last_message: { seq: 2, content: null, author: { kind: 'customer', id: customer.id } },
  })
  t.match(await messagesOf(id), [
    { seq: 2, content: null, deleted_at: String },
    { seq: 1, content: null, author: { kind: 'user', id: ids.agent } },
  ])
  t.match(await messagesOf(given.id), [
    { id: stays.id, content: 'Dear others' },
    { seq: 1, content: null },
  ])
  t.match(await messagesOf(apart.id), [{ id: kept.id, content: 'Dear others' }])
  t.match((await get('lead', given.id)).body, { title: 'Given', customer_id: others.id })
  t.match((await call('lead', 'GET', `/v1/reports/${report.body.id}`)).body, {
    status: 'pending',
    reason: '',
    note: null,
    message: { content: '', author: { kind: 'customer' } },
  })
  const [event] = await sql(`select changes from audit_events where target_id = '${customer.id}'
    and action = 'customer.deleted'`)
  t.same(event?.changes, { fields: [], erased: { conversations: 1, messages: 3, reports: 1 } })
  const decided = await call('lead', 'POST', `/v1/reports/${report.body.id}/review`, { note: 'Done' })
  t.equal(decided.status, 200, 'a moderator can still decide the report')
})

// Attack: repeats a create request with its Idempotency-Key to get the data of a deleted customer back.
t.test('409 404 a replay after the deletion returns nothing of the customer, and creates nothing', async (t) => {
  const send = (path: string, body: object) => call('lead', 'POST', path, body, { 'idempotency-key': `erased${path}` })
  const fields = { name: 'REPLAYED', phone: '+4915112345671' }
  const { body: customer } = await send('/v1/customers', fields)
  const talk = { title: 'REPLAYED', customer_id: customer.id }
  const { body: conversation } = await send('/v1/conversations', talk)
  const messages = `/v1/conversations/${conversation.id}/messages`
  const { body: message } = await send(messages, { content: 'REPLAYED' })
  const said = await say('agent', conversation.id, 'x')
  const reports = `${messages}/${said.id}/reports`
  await send(reports, { reason: 'REPLAYED' })

  t.equal((await remove(customer.id)).status, 204)
  const lost = { status: 409, body: { code: 'idempotency_answer_lost' } }
  t.match(await send('/v1/customers', fields), lost)
  t.match(await send('/v1/conversations', talk), lost)
  t.match(await send(reports, { reason: 'REPLAYED' }), lost)
  const again = await send(messages, { content: 'REPLAYED' })
  t.match(again, { status: 201, body: { id: message.id, content: null } }, 'the message, as it is now')
  t.notMatch(again.text, /REPLAYED/)
  t.same(await sql(`select id from customers where name = 'REPLAYED'`), [])
})

t.test('412 a deletion with If-Match of another version erases nothing, also if there is very much text', async (t) => {
  const customer = await world.createCustomer()
  const { id } = await open({ title: 'Kept', customer_id: customer.id })
  await fill(id, ERASED_AT_ONCE + 1)
  t.equal((await remove(customer.id, { 'if-match': '"7"' })).status, 412)
  t.match((await get('lead', id)).body, { title: 'Kept', customer_id: customer.id })
  t.same(await sql(`select id from messages where conversation_id = '${id}' and content is null`), [])
})

// One transaction that erases everything would hold the locks of the conversations for seconds.
t.test('204 very much text is erased in several transactions, each with its event', async (t) => {
  const customer = await world.createCustomer()
  const { id } = await open({ customer_id: customer.id })
  await fill(id, 2 * ERASED_AT_ONCE + 3)
  t.equal((await remove(customer.id)).status, 204)
  t.same(await sql(`select id from messages where conversation_id = '${id}' and content is not null`), [])
  const events = await sql(`select action, changes from audit_events where target_id = '${customer.id}'
    and action in ('customer.text_erased', 'customer.deleted') order by seq`)
  const of = (messages: number, conversations: number) => ({
    fields: [],
    erased: { conversations, messages, reports: 0 },
  })
  t.same(events, [
    { action: 'customer.text_erased', changes: of(ERASED_AT_ONCE, 0) },
    { action: 'customer.text_erased', changes: of(ERASED_AT_ONCE, 0) },
    { action: 'customer.deleted', changes: of(3, 1) },
  ])
})

// A message that is sent while the customer is deleted must not survive the deletion.
t.test('no message survives a deletion that runs at the same time', async (t) => {
  for (let round = 0; round < 8; round += 1) {
    const customer = await world.createCustomer()
    const { id } = await open({ customer_id: customer.id })
    const sent = await Promise.all([
      ...Array.from({ length: 6 }, () =>
        call(key, 'POST', `/v1/conversations/${id}/messages`, { content: 'RACED', customer_id: customer.id }),
      ),
      remove(customer.id),
      call('lead', 'POST', '/v1/conversations', { title: 'RACED', customer_id: customer.id }),
    ])
    const removed = sent.at(-2)
    t.ok(removed?.status === 204 || removed?.status === 503, String(removed?.text))
    if (removed?.status === 503) t.equal((await remove(customer.id)).status, 204)
  }
  t.same(
    await sql(`select id from messages where author_kind = 'customer' and content is not null and author_id
    not in (select id::text from customers)`),
    [],
  )
  t.same(await sql(`select id from conversations where title = 'RACED' and customer_id is null`), [])
})

t.test('the members of a conversation receive the erasure in their streams', async (t) => {
  const customer = await world.createCustomer()
  const { id } = await open({ customer_id: customer.id })
  const message = await say('agent', id, 'Streamed')
  const events: unknown[] = []
  const stop = gateway.bus.subscribe((event) => void events.push(event))
  t.teardown(() => stop())
  await remove(customer.id)
  t.match(
    events.filter((event) => (event as { kind: string }).kind === 'chat_message_deleted'),
    [{ tenant_id: acme.id, conversation_id: id, message: { id: message.id, content: null } }],
  )
})
