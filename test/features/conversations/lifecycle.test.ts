import { makeMember } from '../../guards/example-people.js'
import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { ids, globex } = world
const { call, open, get, patch, say } = conversationCalls(gateway, world)
const idsOf = async (query: string, who: 'lead' | 'agent' = 'lead'): Promise<string[]> => {
  const { status, body, text } = await call(who, 'GET', `/v1/conversations?${query}`)
  if (status !== 200) throw new Error(text)
  return body.data.map(({ id }: { id: string }) => id)
}

t.test('201 200 a conversation is created, read and changed', async (t) => {
  const customer = await world.createCustomer()
  const wish = { title: 'A broken kettle', customer_id: customer.id, channel: 'whatsapp', assignee_id: ids.agent }
  const created = await call('lead', 'POST', '/v1/conversations', wish)
  t.equal(created.status, 201, created.text)
  const { id } = created.body
  t.match(created.body, {
    ...wish,
    status: 'open',
    visibility: 'tenant',
    my_role: 'owner',
    last_message: null,
    last_seq: 0,
    unread_count: 0,
    version: 1,
  })
  t.equal(created.headers.get('location'), `/v1/conversations/${id}`)
  t.equal(created.headers.get('etag'), '"1"')
  t.same((await get('lead', id)).body, created.body)
  t.match((await get('agent', id)).body, { my_role: null, unread_count: 0 }, 'for a user who is not a member')

  const changed = await patch('lead', id, { title: 'Two kettles', status: 'pending', customer_id: null })
  t.match(changed, { status: 200, body: { title: 'Two kettles', status: 'pending', customer_id: null, version: 2 } })
  t.equal(changed.headers.get('etag'), '"2"')
  const again = await patch('lead', id, { title: 'Two kettles' })
  t.match(again, { status: 200, body: { version: 2 } }, 'a change to the same values keeps the version')
})

t.test('412 a change with an outdated version is refused', async (t) => {
  const { id } = await open()
  t.equal((await patch('lead', id, { status: 'pending' }, { 'if-match': '"1"' })).status, 200)
  t.match(await patch('lead', id, { status: 'closed' }, { 'if-match': '"1"' }), { status: 412 })
  const handoff = `/v1/conversations/${id}/handoff`
  t.match(await call('lead', 'POST', handoff, { assignee_id: null }, { 'if-match': '"1"' }), { status: 412 })
})

t.test('400 an invalid conversation; all unusable ids of a field share one error', async (t) => {
  const wrong = [
    {},
    { title: '' },
    { title: ' ' },
    { title: 'x'.repeat(201) },
    { title: 'x', channel: 'fax' },
    { title: 'x', visibility: 'public' },
    { title: 'x', status: 'closed' },
    { title: 'x', owner_id: ids.lead },
  ]
  for (const body of wrong) {
    t.match(await call('lead', 'POST', '/v1/conversations', body), { status: 400, body: { code: 'validation_failed' } })
  }
  const foreign = await world.createCustomer('globex')
  const { id } = await open()
  const pointers = async (field: string, value: string) => {
    const answers = [
      await call('lead', 'POST', '/v1/conversations', { title: 'x', [field]: value }),
      await patch('lead', id, { [field]: value }),
    ]
    for (const answer of answers) t.equal(answer.status, 400, answer.text)
    return answers.map(({ body }) => body.errors)
  }
  const missing = '01900000-0000-7000-8000-000000000000'
  t.same(await pointers('customer_id', foreign.id), await pointers('customer_id', missing))
  const nobody = await pointers('assignee_id', missing)
  t.match(nobody, [[{ pointer: '/assignee_id' }], [{ pointer: '/assignee_id' }]])
  for (const user_id of [ids.other_owner, ids.stranger, ids.pending, ids.disabled, ids.analyst]) {
    t.same(await pointers('assignee_id', user_id), nobody, 'the error does not reveal the reason')
  }
  t.match(await patch('lead', id, { status: 'handoff' }), { status: 400 }, 'this status needs a handoff')
})

// Deleting a customer, or removing an assignee from the tenant, must not delete their conversations.
t.test('a conversation outlives its customer and its assignee', async (t) => {
  const customer = await world.createCustomer()
  const assignee_id = await makeMember(gateway, world, 'acme')
  const { id } = await open({ customer_id: customer.id, assignee_id })
  t.equal((await call('agent', 'DELETE', `/v1/customers/${customer.id}`)).status, 204)
  t.match(await get('lead', id), { status: 200, body: { customer_id: null, assignee_id } })
  const removed = await call('owner', 'DELETE', `/v1/tenants/${world.acme.id}/members/${assignee_id}`)
  t.equal(removed.status, 204, removed.text)
  t.match(await get('lead', id), { status: 200, body: { customer_id: null, assignee_id: null } })
})

t.test('200 a handoff to a member who may view the conversation, or without an assignee', async (t) => {
  const { id } = await open()
  const handoff = (who: 'lead' | 'agent', body: unknown) => call(who, 'POST', `/v1/conversations/${id}/handoff`, body)
  t.match(await handoff('lead', { assignee_id: ids.agent }), {
    status: 200,
    body: { status: 'handoff', assignee_id: ids.agent, version: 2 },
  })
  t.match(await handoff('lead', { assignee_id: null }), { status: 200, body: { status: 'handoff', assignee_id: null } })
  t.match(await handoff('agent', { assignee_id: null }), { status: 403, body: { missing: ['handoff:perform'] } })
  t.match(await handoff('lead', {}), { status: 400 })
  t.match(await handoff('lead', { assignee_id: ids.analyst }), { status: 400 })
  t.equal((await patch('lead', id, { status: 'open' })).body.status, 'open', 'a user takes the conversation')
  await patch('lead', id, { status: 'closed' })
  t.match(await handoff('lead', { assignee_id: ids.agent }), { status: 409, body: { code: 'conversation_closed' } })

  // Attack: hands a private conversation over to a user who is not a member of it, who would then see it in their list.
  const secret = await open({ visibility: 'members' })
  const give = () => call('lead', 'POST', `/v1/conversations/${secret.id}/handoff`, { assignee_id: ids.agent })
  t.match(await give(), { status: 400, body: { errors: [{ pointer: '/assignee_id' }] } })
  await call('lead', 'POST', `/v1/conversations/${secret.id}/members`, { user_id: ids.agent })
  t.equal((await give()).status, 200)
  await call('lead', 'DELETE', `/v1/conversations/${secret.id}/members/${ids.agent}`)
  t.match((await get('lead', secret.id)).body, { assignee_id: null }, 'a removed member is not the assignee any more')
})

t.test('lists are filtered by status, customer, assignee, mine and search, latest activity first', async (t) => {
  const customer = await world.createCustomer('acme', { name: 'ACMEMARK Zebedee' })
  const by_customer = await open({ title: 'Alpha 100%', customer_id: customer.id })
  const assigned = await open({ title: 'Beta', assignee_id: ids.agent })
  const closed = await open({ title: 'Gamma' })
  await patch('lead', closed.id, { status: 'closed' })
  const of_owner = await open({ title: 'Delta' }, 'owner')

  t.same(await idsOf(`customer_id=${customer.id}`), [by_customer.id])
  t.ok((await idsOf(`assignee_id=${ids.agent}`)).includes(assigned.id))
  t.notOk((await idsOf('assignee_id=none')).includes(assigned.id))
  t.ok((await idsOf('assignee_id=none')).includes(of_owner.id))
  t.same((await idsOf('status=closed')).slice(0, 1), [closed.id])
  t.notOk((await idsOf('status=open')).includes(closed.id))
  t.notOk((await idsOf('mine=true')).includes(of_owner.id))
  t.ok((await idsOf('mine=true')).includes(closed.id))
  t.same(await idsOf('mine=true&status=open', 'agent'), [assigned.id], 'a conversation that is assigned to the user')
  t.same(await idsOf('search=zebedee'), [by_customer.id], 'the name of the customer')
  t.same(await idsOf('search=alpha%20100%25'), [by_customer.id])
  t.same(await idsOf('search=1_0%25'), [], 'wildcards of SQL are literal')
  t.match(await call('lead', 'GET', '/v1/conversations?mine=false'), { status: 400 })
  t.match(await call('lead', 'GET', '/v1/conversations?assignee_id=me'), { status: 400 })

  gateway.clock.advance(1000)
  await say('agent', by_customer.id, 'I am back')
  t.equal((await idsOf(''))[0], by_customer.id, 'a message counts as activity')
  gateway.clock.advance(1000)
  await patch('lead', assigned.id, { title: 'Beta, renamed' })
  t.equal((await idsOf(''))[0], by_customer.id, 'a change of the title does not')
})

t.test('pages of conversations with equal activity times contain each conversation exactly once', async (t) => {
  const { status, body } = await call('lead', 'GET', '/v1/conversations?limit=100')
  t.equal(status, 200)
  await gateway.sql(`update conversations set last_activity_at = '2026-01-01T00:00:00.123Z' where id in (
    select id from conversations where tenant_id = '${world.acme.id}' order by id limit 5)`)
  const whole: string[] = await idsOf('limit=100')
  t.equal(whole.length, body.data.length)
  t.ok(whole.length >= 8, `${whole.length} conversations`)
  const seen: string[] = []
  let path = '/v1/conversations?limit=2'
  for (let page = 0; path !== '' && page < 40; page += 1) {
    const answer = await call('lead', 'GET', path)
    seen.push(...answer.body.data.map(({ id }: { id: string }) => id))
    path = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1] ?? ''
  }
  t.same(seen, whole)
})

// A list by activity cannot promise this: a conversation that moves to the front is on no later page.
t.test(
  'a walk in the order of creation finds every conversation, also one that gets a message meanwhile',
  async (t) => {
    const opened: string[] = []
    for (let count = 0; count < 6; count += 1) {
      gateway.clock.advance(1000)
      opened.unshift((await open({ title: `Walked ${count}` })).id)
    }
    for (const [order, last] of [
      ['created_at', opened[5] as string],
      ['last_activity', opened[4] as string],
    ] as const) {
      const seen: string[] = []
      let cursor = ''
      do {
        const path = `/v1/conversations?search=walked&order=${order}&limit=2${cursor}`
        const { status, body } = await call('lead', 'GET', path)
        t.equal(status, 200)
        seen.push(...body.data.map(({ id }: { id: string }) => id))
        cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`
        gateway.clock.advance(1000)
        // The last conversation gets a message before its page is read.
        if (seen.length === 2) await say('lead', last, 'meanwhile')
        if (seen.length === 2) await open({ title: 'Walked, and new' })
      } while (cursor !== '')
      if (order === 'created_at') t.same(seen, opened)
      else t.notOk(seen.includes(last), 'the list by activity misses it')
      await gateway.sql(`update conversations set title = 'x' where title = 'Walked, and new'`)
    }
    const of_created = (await call('lead', 'GET', '/v1/conversations?order=created_at&limit=1')).body.next_cursor
    const moved = await call('lead', 'GET', `/v1/conversations?order=last_activity&limit=1&cursor=${of_created}`)
    t.match(moved, { status: 400, body: { code: 'invalid_cursor' } }, 'a cursor of the other order')
    t.equal((await call('lead', 'GET', '/v1/conversations?order=title')).status, 400)
  },
)

// Attack: manipulates the position in a cursor to break the query or to see hidden conversations.
t.test('400 a manipulated cursor', async (t) => {
  const cursor: string = (await call('lead', 'GET', '/v1/conversations?limit=1')).body.next_cursor
  const bytes = Buffer.from(cursor.slice(1), 'base64url')
  const [seal, position] = [bytes.subarray(0, 16), bytes.subarray(16).toString()]
  const [order = '', id = ''] = position.split('.')
  t.match(order, /^\d{13}$/)
  const encode = (text: string) => `c${Buffer.concat([seal, Buffer.from(text)]).toString('base64url')}`
  t.equal(encode(position), cursor)
  t.equal((await call('lead', 'GET', `/v1/conversations?cursor=${cursor}`)).status, 200)
  const bent = [
    id,
    order,
    `${position}.${id}`,
    `-${position}`,
    `1e9.${id}`,
    `${'9'.repeat(13)}.${id}`,
    `${order}.x`,
    `.${id}`,
  ]
  for (const each of bent) {
    const answer = await call('lead', 'GET', `/v1/conversations?cursor=${encode(each)}`)
    t.match(answer, { status: 400, body: { code: 'invalid_cursor' } }, each)
  }
})

t.test('unread_count is the number of messages of others after the read marker, which never moves back', async (t) => {
  const { id } = await open()
  const unread = async (who: 'lead' | 'agent') => (await get(who, id)).body.unread_count
  for (const content of ['one', 'two', 'three']) await say('agent', id, content)
  t.same([await unread('lead'), await unread('agent')], [3, 0])
  const mark = (who: 'lead' | 'agent', seq: unknown) => call(who, 'PUT', `/v1/conversations/${id}/read`, { seq })
  t.match(await mark('lead', 2), { status: 200, body: { conversation_id: id, user_id: ids.lead, seq: 2 } })
  t.equal(await unread('lead'), 1)
  t.match(await mark('lead', 1), { status: 200, body: { seq: 2 } }, 'the marker does not move back')
  await say('lead', id, 'four')
  t.same([await unread('lead'), await unread('agent')], [1, 1])
  t.match(await mark('lead', 5), { status: 400, body: { errors: [{ pointer: '/seq' }] } }, 'an unused seq')
  for (const seq of [0, -1, 1.5, '1', null, 2 ** 40]) t.equal((await mark('lead', seq)).status, 400, String(seq))
  await Promise.all([4, 1, 3, 2].map((seq) => mark('lead', seq)))
  t.equal(await unread('lead'), 0, 'in any order of arrival')
  const listed = await call('agent', 'GET', `/v1/conversations?limit=100`)
  t.equal(listed.body.data.find((each: { id: string }) => each.id === id).unread_count, 1)
})

t.test('404 a conversation of another tenant gets the response of an unknown id', async (t) => {
  const { id } = await open()
  const headers = await world.as('other_owner', globex)
  const missing = await ask(gateway, '/v1/conversations/01900000-0000-7000-8000-000000000000', { headers })
  const foreign = await ask(gateway, `/v1/conversations/${id}`, { headers })
  t.equal(foreign.status, 404)
  t.same({ ...foreign.body, request_id: '' }, { ...missing.body, request_id: '' })
  t.same((await ask(gateway, '/v1/conversations', { headers })).body.data, [])
})
