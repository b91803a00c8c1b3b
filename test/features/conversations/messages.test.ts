import fc from 'fast-check'
import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { askRaw } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { ids } = world
const { call, open, get, patch, say, add, keyWith } = conversationCalls(gateway, world)
const list = async (id: string, query = '') => {
  const { status, body, text } = await call('lead', 'GET', `/v1/conversations/${id}/messages${query}`)
  if (status !== 200) throw new Error(text)
  return body
}

t.test('201 200 a message is created, read and listed in order of its seq', async (t) => {
  const { id } = await open()
  const created = await call('agent', 'POST', `/v1/conversations/${id}/messages`, { content: 'Hello' })
  t.equal(created.status, 201, created.text)
  t.match(created.body, {
    conversation_id: id,
    seq: 1,
    author: { kind: 'user', id: ids.agent },
    content: 'Hello',
    reply_to: null,
    edited_at: null,
    deleted_at: null,
  })
  const path = `/v1/conversations/${id}/messages/${created.body.id}`
  t.equal(created.headers.get('location'), path)
  t.same((await call('lead', 'GET', path)).body, created.body)
  for (let number = 2; number <= 7; number += 1) await say('agent', id, `${number}`)
  const seqs = (page: { data: { seq: number }[] }) => page.data.map(({ seq }) => seq)
  t.same(seqs(await list(id)), [7, 6, 5, 4, 3, 2, 1], 'newest first')
  t.same(seqs(await list(id, '?after=4')), [5, 6, 7], 'after a seq: oldest first')
  t.same(seqs(await list(id, '?after=7')), [])
  t.same(seqs(await list(id, '?after=999999999')), [])
  for (const [query, whole] of [
    ['limit=3', [7, 6, 5, 4, 3, 2, 1]],
    ['limit=2&after=1', [2, 3, 4, 5, 6, 7]],
  ] as const) {
    const seen: number[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page = await list(id, `?${query}${cursor && `&cursor=${cursor}`}`)
      seen.push(...seqs(page))
      cursor = page.next_cursor
    }
    t.same(seen, whole, query)
  }
  for (const after of ['-1', '1.5', 'x', '', '1e3', '99999999999']) {
    t.equal((await call('lead', 'GET', `/v1/conversations/${id}/messages?after=${after}`)).status, 400, after)
  }
  t.match((await get('agent', id)).body, { last_seq: 7, last_message: { seq: 7, content: '7' } })
})

// A sanitiser can be bypassed with nested tags, and it damages honest text. So the text is stored unchanged.
t.test('any text is returned exactly as it was sent', async (t) => {
  const { id } = await open()
  const odd = [
    '<script>alert(1)</script>',
    '<scr<script>ipt>',
    '  spaces  ',
    'two\nlines\r\n\ttab',
    '"; drop table messages; --',
    '{"type":"chat_message"}',
    '‮right to left',
    '👩‍👩‍👧‍👦',
    'e\u0301 and \u00e9',
    'data: x\n\nevent: y',
  ]
  for (const content of odd) t.equal((await say('agent', id, content)).content, content)
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }), async (content) => {
      if (!content.isWellFormed() || content.includes('\0')) return
      const { id: message_id } = await say('agent', id, content)
      const { body } = await call('lead', 'GET', `/v1/conversations/${id}/messages/${message_id}`)
      if (body.content !== content) throw new Error(JSON.stringify([content, body.content]))
    }),
    { numRuns: 30 },
  )
})

t.test(
  '400 content that is empty, only white space, too long or not text; 4,000 characters of any kind are accepted',
  async (t) => {
    const { id } = await open()
    const path = `/v1/conversations/${id}/messages`
    for (const content of ['x'.repeat(4000), '𝒜'.repeat(4000), `${'\n'.repeat(3999)}x`]) {
      t.equal((await say('agent', id, content)).content, content)
    }
    for (const content of [
      '',
      ' ',
      '\n'.repeat(4000),
      '\t \u00a0\u2003',
      'x'.repeat(4001),
      '𝒜'.repeat(4001),
      1,
      null,
      [],
      {},
    ]) {
      t.match(await call('agent', 'POST', path, { content }), { status: 400, body: { code: 'validation_failed' } })
    }
    t.equal((await call('agent', 'POST', path, {})).status, 400)
    t.equal((await call('agent', 'POST', path, { content: 'x', author_id: ids.owner })).status, 400)
    t.equal((await call('agent', 'POST', path, { content: 'x', seq: 9 })).status, 400)
    const lines = [...Object.entries(await world.as('agent')).flat(), 'content-type', 'application/json']
    for (const text of ['a\\u0000b', '\\ud800']) {
      const answer = await askRaw(gateway, path, { method: 'POST', lines, body: `{"content":"${text}"}` })
      t.match(answer, { status: 400, body: { code: 'validation_failed', errors: [{ pointer: '/content' }] } })
    }
    t.equal((await get('lead', id)).body.last_seq, 3, 'a refused message gets no seq')
  },
)

t.test('400 a reply to a message of another conversation', async (t) => {
  const { id } = await open()
  const other = await open()
  const first = await say('agent', id, 'first')
  const elsewhere = await say('agent', other.id, 'elsewhere')
  t.equal((await say('lead', id, 'reply', { reply_to: first.id })).reply_to, first.id)
  const answers = []
  for (const reply_to of [elsewhere.id, '01900000-0000-7000-8000-000000000000']) {
    const answer = await call('agent', 'POST', `/v1/conversations/${id}/messages`, { content: 'x', reply_to })
    t.match(answer, { status: 400, body: { errors: [{ pointer: '/reply_to' }] } })
    answers.push(answer.body.errors)
  }
  t.same(answers[0], answers[1], 'the error does not reveal that the message exists')
  t.equal((await get('lead', id)).body.last_seq, 2)
})

t.test('200 403 only its author can edit a message', async (t) => {
  const { id } = await open()
  await add('lead', id, ids.agent)
  const { id: message_id, created_at } = await say('agent', id, 'Helo')
  const path = `/v1/conversations/${id}/messages/${message_id}`
  gateway.clock.advance(1000)
  for (const who of ['lead', 'admin', 'owner'] as Person[]) {
    t.match(await call(who, 'PATCH', path, { content: 'x' }), { status: 403, body: { code: 'not_author' } }, who)
  }
  const edited = await call('agent', 'PATCH', path, { content: 'Hello' })
  t.match(edited, { status: 200, body: { content: 'Hello', seq: 1, created_at } })
  t.ok(edited.body.edited_at > created_at)
  t.same((await call('agent', 'PATCH', path, { content: 'Hello' })).body, edited.body, 'the same text changes nothing')
  t.match(await call('agent', 'PATCH', path, { content: '' }), { status: 400 })
})

// Deleted text must not appear again: not in lists, as last message, in replies or in the audit log.
t.test('204 a deleted message keeps its seq, and its text is removed everywhere', async (t) => {
  const { id } = await open()
  const { id: message_id } = await say('agent', id, 'REGRETMARK')
  await say('lead', id, 'reply', { reply_to: message_id })
  const last = await say('agent', id, 'REGRETMARK too')
  for (const each of [message_id, last.id]) {
    t.equal((await call('agent', 'DELETE', `/v1/conversations/${id}/messages/${each}`)).status, 204)
    t.equal((await call('agent', 'DELETE', `/v1/conversations/${id}/messages/${each}`)).status, 204, 'a repetition')
  }
  const answers = [
    await call('lead', 'GET', `/v1/conversations/${id}/messages/${message_id}`),
    await call('lead', 'GET', `/v1/conversations/${id}/messages`),
    await call('lead', 'GET', `/v1/conversations/${id}/messages?after=0`),
    await get('lead', id),
    await call('lead', 'GET', '/v1/conversations'),
    await call('lead', 'GET', '/v1/conversations?search=REGRETMARK'),
    await call('owner', 'GET', `/v1/tenants/${world.acme.id}/audit-events?limit=100`),
  ]
  for (const answer of answers) {
    t.equal(answer.status, 200)
    t.notMatch(answer.text, answer === answers[5] ? /REGRETMARK too/ : /REGRETMARK/)
  }
  t.match(answers[0]?.body, { seq: 1, content: null, deleted_at: String, author: { id: ids.agent } })
  t.match(answers[3]?.body, { last_seq: 3, last_message: { content: null }, unread_count: 0 })
  const [kept] = await gateway.sql(`select count(*)::int as count from messages where content like '%REGRETMARK%'`)
  t.same(kept, { count: 0 }, 'the text is not in the table either')
  const path = `/v1/conversations/${id}/messages/${message_id}`
  t.match(await call('agent', 'PATCH', path, { content: 'back' }), { status: 409, body: { code: 'invalid_state' } })
  t.match(await call('lead', 'POST', `${path}/reports`, { reason: 'x' }), {
    status: 409,
    body: { code: 'invalid_state' },
  })
})

t.test('403 only its author or a moderator can delete a message', async (t) => {
  const { id } = await open({}, 'owner')
  const { id: message_id } = await say('owner', id, 'mine')
  const path = `/v1/conversations/${id}/messages/${message_id}`
  t.match(await call('agent', 'DELETE', path), { status: 403, body: { code: 'not_author' } })
  await add('owner', id, ids.agent, 'member')
  t.equal((await call('agent', 'DELETE', path)).status, 403)
  await call('owner', 'PATCH', `/v1/conversations/${id}/members/${ids.agent}`, { role: 'moderator' })
  t.equal((await call('agent', 'DELETE', path)).status, 204, 'a moderator of the conversation')
  const another = await say('owner', id, 'another')
  t.equal((await call('lead', 'DELETE', `/v1/conversations/${id}/messages/${another.id}`)).status, 204, 'by scope')
})

t.test('409 a closed conversation accepts no message and no edit; its messages can be read and deleted', async (t) => {
  const { id } = await open()
  const { id: message_id } = await say('agent', id, 'before')
  await patch('lead', id, { status: 'closed' })
  const path = `/v1/conversations/${id}/messages`
  const CLOSED = { status: 409, body: { code: 'conversation_closed' } }
  t.match(await call('agent', 'POST', path, { content: 'after' }), CLOSED)
  t.match(await call('agent', 'PATCH', `${path}/${message_id}`, { content: 'after' }), CLOSED)
  t.equal((await call('agent', 'GET', path)).status, 200)
  t.equal((await call('agent', 'DELETE', `${path}/${message_id}`)).status, 204)
  await patch('lead', id, { status: 'open' })
  t.equal((await say('agent', id, 'again')).seq, 2)
})

// Attack: writes a message in the name of a customer.
t.test('a key can write as itself or for the customer of the conversation; a user only as themselves', async (t) => {
  const customer = await world.createCustomer()
  const somebody = await world.createCustomer()
  const foreign = await world.createCustomer('globex')
  const { id } = await open({ customer_id: customer.id })
  const key = await keyWith('conversations:view', 'conversations:reply')
  const path = `/v1/conversations/${id}/messages`
  t.match((await say(key, id, 'by the bot')).author, { kind: 'key', id: key.key_id })
  const said = await say(key, id, 'by the customer', { customer_id: customer.id })
  t.same(said.author, { kind: 'customer', id: customer.id, name: customer.name })
  const refused = []
  for (const customer_id of [somebody.id, foreign.id, '01900000-0000-7000-8000-000000000000']) {
    const answer = await call(key, 'POST', path, { content: 'x', customer_id })
    t.match(answer, { status: 400, body: { errors: [{ pointer: '/customer_id' }] } })
    refused.push(JSON.stringify(answer.body.errors))
  }
  t.equal(new Set(refused).size, 1)
  const as_user = await call('lead', 'POST', path, { content: 'x', customer_id: customer.id })
  t.match(as_user, { status: 403, body: { code: 'key_required' } })
  const none = await open()
  t.match(
    await call(key, 'POST', `/v1/conversations/${none.id}/messages`, { content: 'x', customer_id: customer.id }),
    {
      status: 400,
    },
  )

  t.equal((await call(key, 'PATCH', `${path}/${said.id}`, { content: 'corrected' })).status, 200, 'its own message')
  const other_key = await keyWith('conversations:view', 'conversations:reply')
  t.match(await call(other_key, 'PATCH', `${path}/${said.id}`, { content: 'x' }), { status: 403 })
  t.equal((await call(other_key, 'DELETE', `${path}/${said.id}`)).status, 403)
  t.equal((await call(key, 'DELETE', `${path}/${said.id}`)).status, 204)
})

t.test('the audit log records who wrote where and when, but never the text', async (t) => {
  const { id } = await open()
  const { id: message_id } = await say('agent', id, 'AUDITMARK')
  await call('agent', 'PATCH', `/v1/conversations/${id}/messages/${message_id}`, { content: 'AUDITMARK 2' })
  await call('lead', 'POST', `/v1/conversations/${id}/messages/${message_id}/reports`, { reason: 'AUDITMARK 3' })
  const events = await gateway.sql(
    `select action, actor_id, changes from audit_events where target_id = '${message_id}' order by seq`,
  )
  t.match(events, [
    { action: 'message.created', actor_id: ids.agent, changes: { conversation_id: id, seq: 1 } },
    { action: 'message.updated', actor_id: ids.agent, changes: { conversation_id: id, seq: 1 } },
  ])
  t.equal(events.length, 2, 'a report does not name the message, because the author may read the audit log')
  const [told] = await gateway.sql(
    `select count(*)::int as count from audit_events where to_jsonb(audit_events)::text like '%AUDITMARK%'`,
  )
  t.same(told, { count: 0 })
  t.notMatch(gateway.lines.join('\n'), /AUDITMARK/, 'the log does not contain the text')
})
