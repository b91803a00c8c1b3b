import { PgDialect } from 'drizzle-orm/pg-core'
import { authorName } from '../../../src/features/conversations/messages/names.js'
import { makeUser } from '../../guards/examples.js'
import { addMember } from '../../helpers/members.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { startListening } from './stream/world.js'

const here = await startListening()
t.teardown(() => here.close())
const { gateway, world, open, say, call, get, patch, events, listen, poll, keyWith } = here
const { acme, ids } = world

const rename = async (person: 'agent' | 'lead', name: string) => {
  const headers = await world.bearer(person)
  const { status, text } = await ask(gateway, '/v1/me', { method: 'PATCH', headers, body: { name } })
  if (status !== 200) throw new Error(text)
}
const newest = async (id: string, query = '') =>
  (await call('lead', 'GET', `/v1/conversations/${id}/messages${query}`)).body.data[0]
/** Creates an active member with their own name, who has written a message. */
const formerAuthor = async (id: string) => {
  const user = await makeUser(gateway, world)
  await addMember(gateway, acme.id, user.id, ['Agent'])
  await gateway.sql(`update messages set author_id = '${user.id}' where conversation_id = '${id}'`)
  return user
}

t.test('200 201 every face of a message has the name of its author', async (t) => {
  const { id } = await open()
  const stream = await events('lead', id)
  await stream.event('ready')
  const socket = await listen('lead', id)
  const polled = poll('lead', id, 0, 25)
  const created = await say('agent', id, 'Hello')
  const author = { kind: 'user', id: ids.agent, name: 'The agent' }
  const path = `/v1/conversations/${id}/messages/${created.id}`
  t.strictSame(created.author, author, 'the response to its creation')
  t.strictSame((await call('lead', 'GET', path)).body.author, author, 'one message')
  t.strictSame((await newest(id)).author, author, 'the list, newest first')
  t.strictSame((await newest(id, '?after=0')).author, author, 'the list after a seq')
  t.strictSame((await newest(id, '?changed_after=0')).author, author, 'the list of changes')
  t.strictSame((await polled).body.data[0].author, author, 'a long poll')
  t.strictSame((await stream.event('chat_message')).payload.author, author, 'server-sent events')
  t.strictSame((await socket.frame('chat_message')).payload.author, author, 'a socket')
  const replayed = await listen('lead', id, '?changed_after=0')
  t.strictSame((await replayed.frame('chat_message')).payload.author, author, 'a socket that reads the log')
  t.strictSame((await get('lead', id)).body.last_message.author, author, 'the last message of a conversation')
  const listed = (await call('lead', 'GET', '/v1/conversations')).body.data
  t.strictSame(listed.find((each: { id: string }) => each.id === id).last_message.author, author, 'a list of them')
  t.strictSame((await call('agent', 'PATCH', path, { content: 'Edited' })).body.author, author, 'an edit')
  t.strictSame((await socket.frame('chat_message_updated')).payload.author, author)
  await call('lead', 'DELETE', path)
  t.strictSame((await socket.frame('chat_message_deleted')).payload.author, author, 'deleted by somebody else')
  for (const each of [socket, replayed]) each.socket.terminate()
  stream.close()
})

t.test('200 a changed name shows in the next response and in the next frame, also for older messages', async (t) => {
  const { id } = await open()
  const message = await say('agent', id, 'Before')
  const socket = await listen('lead', id)
  await rename('agent', 'Agnes')
  t.equal((await newest(id)).author.name, 'Agnes')
  t.equal((await get('lead', id)).body.last_message.author.name, 'Agnes')
  await call('lead', 'DELETE', `/v1/conversations/${id}/messages/${message.id}`)
  t.equal((await socket.frame('chat_message_deleted')).payload.author.name, 'Agnes')
  const again = await listen('lead', id, '?changed_after=0')
  t.equal((await again.frame('chat_message')).payload.author.name, 'Agnes', 'a stream that reads the log')
  await rename('agent', 'The agent')
  for (const each of [socket, again]) each.socket.terminate()
})

t.test('200 keys and customers are named too, also a revoked key; a deleted customer has no name', async (t) => {
  const customer = await world.createCustomer()
  const { id } = await open({ customer_id: customer.id })
  const key = await keyWith('conversations:view', 'conversations:reply')
  t.strictSame((await say(key, id, 'By the key')).author, { kind: 'key', id: key.key_id, name: 'Integration' })
  await gateway.sql(`update tenant_keys set name = 'Bot', revoked_at = now() where id = '${key.key_id}'`)
  t.equal((await newest(id)).author.name, 'Bot')
  const other = await keyWith('conversations:view', 'conversations:reply')
  const said = await say(other, id, 'By the customer', { customer_id: customer.id })
  t.strictSame(said.author, { kind: 'customer', id: customer.id, name: customer.name })
  // Attack: a stream shows the name of a customer after their deletion.
  const stream = await events('lead', id)
  await stream.event('ready')
  t.equal((await call('lead', 'DELETE', `/v1/customers/${customer.id}`)).status, 204)
  t.strictSame((await newest(id)).author, { kind: 'customer', id: customer.id, name: null })
  const deleted = await stream.event('chat_message_deleted')
  await stream.event('chat_message_deleted')
  t.notMatch(stream.state.text, customer.name)
  t.equal(deleted.payload.content, null)
  stream.close()
})

t.test('200 a member who has left keeps a name; a deleted user has none', async (t) => {
  const { id } = await open()
  await say('agent', id, 'Of somebody else soon')
  const author = await formerAuthor(id)
  await acme.store.write('member.removed', (store) => store.members.remove(author.id))
  t.strictSame((await newest(id)).author, { kind: 'user', id: author.id, name: 'Somebody' })
  await gateway.sql(`delete from sessions where user_id = '${author.id}'; delete from users where id = '${author.id}'`)
  t.strictSame((await newest(id)).author, { kind: 'user', id: author.id, name: null })
  t.strictSame((await get('lead', id)).body.last_message.author, { kind: 'user', id: author.id, name: null })
})

t.test('200 a conversation has the name of its assignee', async (t) => {
  const { id } = await open({ assignee_id: ids.agent })
  const assignee = { id: ids.agent, name: 'The agent' }
  t.match((await get('lead', id)).body, { assignee_id: ids.agent, assignee })
  const listed = (await call('lead', 'GET', `/v1/conversations?assignee_id=${ids.agent}`)).body.data
  t.strictSame(listed[0].assignee, assignee)
  const handed = await call('lead', 'POST', `/v1/conversations/${id}/handoff`, { assignee_id: ids.lead })
  t.strictSame(handed.body.assignee, { id: ids.lead, name: 'The lead' })
  await rename('lead', 'Lea')
  t.equal((await get('lead', id)).body.assignee.name, 'Lea')
  await rename('lead', 'The lead')
  t.strictSame((await patch('lead', id, { assignee_id: null })).body.assignee, null)
})

// Attack: a key that may write and not read gives ids, to read the names behind them in the responses.
t.test('200 201 a caller without conversations:view gets no names in the responses to their writes', async (t) => {
  const customer = await world.createCustomer()
  const { id } = await open({ customer_id: customer.id, assignee_id: ids.agent })
  const blind = await keyWith('conversations:edit', 'conversations:reply', 'handoff:perform')
  const said = await say(blind, id, 'x', { customer_id: customer.id })
  t.strictSame(said.author, { kind: 'customer', id: customer.id, name: null })
  const edited = await call(blind, 'PATCH', `/v1/conversations/${id}/messages/${said.id}`, { content: 'y' })
  t.equal(edited.body.author.name, null)
  const made = await open({ assignee_id: ids.agent }, blind)
  for (const { assignee } of [
    made,
    (await patch(blind, id, { status: 'pending' })).body,
    (await call(blind, 'POST', `/v1/conversations/${id}/handoff`, { assignee_id: ids.agent })).body,
  ]) {
    t.strictSame(assignee, { id: ids.agent, name: null })
  }
  const once = { 'idempotency-key': 'without-a-name' }
  const body = { content: 'z', customer_id: customer.id }
  for (const _turn of [1, 2]) {
    const answer = await call(blind, 'POST', `/v1/conversations/${id}/messages`, body, once)
    t.match(answer, { status: 201, body: { author: { name: null } } })
  }
})

t.test('200 a report has the names of the author, the reporter and who decided', async (t) => {
  const { id } = await open()
  const message = await say('admin', id, 'You fool')
  const path = `/v1/conversations/${id}/messages/${message.id}/reports`
  const made = await call('agent', 'POST', path, { reason: 'rude' })
  t.equal(made.status, 201, made.text)
  t.notMatch(made.text, /The admin/, 'the reporter sees no more than before')
  const report = `/v1/reports/${made.body.id}`
  const decided = await call('lead', 'POST', `${report}/review`, { note: 'right' })
  const expected = {
    reporter: { id: ids.agent, name: 'The agent' },
    message: { author: { kind: 'user', id: ids.admin, name: 'The admin' } },
    decided_by: { kind: 'user', id: ids.lead, name: 'The lead' },
  }
  t.match(decided.body, expected)
  t.match((await call('owner', 'GET', report)).body, expected)
  t.match((await call('owner', 'GET', '/v1/reports')).body.data[0], expected)
  const blind = await keyWith('conversations:moderate')
  t.match((await call(blind, 'GET', report)).body, {
    reporter: null,
    message: { author: { id: ids.admin, name: null } },
    decided_by: { name: null },
  })
})

// A condition that row-level security keeps from an index reads all members of the tenant for each message of a list.
t.test('the name of an author of each kind is found by an index', async (t) => {
  const rows = await gateway.test_database.database.transaction(
    { role: 'gatehouse_tenant', tenant_id: acme.id },
    async (run) => {
      const ask = (text: string) => run({ text, values: [], row_mode: 'object' })
      await ask('set local enable_seqscan = off')
      const { sql: name } = new PgDialect().sqlToQuery(authorName('messages'))
      return ask(`explain select ${name} from messages`)
    },
  )
  const plan = (rows as Record<string, string>[]).map((row) => row['QUERY PLAN']).join('\n')
  for (const table of ['known_users', 'tenant_keys', 'customers']) {
    t.match(plan, new RegExp(`Index (Only )?Scan using \\w+ on ${table} n.*\\n.*Index Cond: .*(user_id|id) = `), plan)
  }
  t.notMatch(plan, /Filter: .*(author_id|::uuid)/)
})
