import { randomBytes } from 'node:crypto'
import { open } from '../../src/kernel/request/access.js'
import { conversationCalls } from '../helpers/conversations.js'
import { openTestDatabase } from '../helpers/database.js'
import { readEverything } from '../helpers/everywhere.js'
import { startGateway } from '../helpers/gateway.js'
import { t } from '../helpers/t.js'
import { buildWorld } from '../helpers/world.js'
import { planeOf } from '../matrix/policy.js'
import { guardedRoutes } from './route-table.js'

const test_database = await openTestDatabase()
const gateway = await startGateway({
  on: test_database,
  more: async (app) => {
    // A bug: a value reaches the database that its column cannot store. PostgreSQL quotes it in the message.
    app.get('/guard/breaks/:value', { config: open() }, async (request) =>
      test_database.sql(`select '${(request.params as { value: string }).value}'::uuid`),
    )
  },
})
let is_closed = false
/** Closes the gateway, which writes what it collected in memory: usage, refusals, and the use of keys. */
const close = async () => {
  if (!is_closed) await gateway.close()
  is_closed = true
}
t.teardown(async () => {
  await close()
  await test_database.close()
})
const world = await buildWorld(gateway)
const { call, open: openTalk, say, keyWith } = conversationCalls(gateway, world)
const { sql } = test_database

/** Words that nothing else contains, by where they are sent. */
const canaries = new Map<string, string>()
const plant = (where: string): string => {
  const word = `canary${randomBytes(9).toString('hex')}`
  canaries.set(where, word)
  return word
}
/** Where each word is, of those that are anywhere. */
const found = async (): Promise<Record<string, string[]>> => {
  const everything = await readEverything(sql, gateway.signing_keys)
  const log = gateway.lines.join('\n').toLowerCase()
  const places = [...canaries].map(([where, word]): [string, string[]] => {
    const tables = everything.tablesWith(word)
    return [where, log.includes(word) ? [...tables, 'the log'] : tables]
  })
  return Object.fromEntries(places.filter(([, tables]) => tables.length > 0))
}
const phoneOf = (word: string) =>
  `+49151${String(Number.parseInt(word.slice(6, 14), 16) % 100_000_000).padStart(8, '0')}`

/** The fields of a customer, each with a word of its own. */
function fieldsOf(when: string) {
  const phone = phoneOf(plant(`${when}: seed of the phone`))
  canaries.delete(`${when}: seed of the phone`)
  canaries.set(`${when}: phone`, phone)
  return {
    name: `The ${plant(`${when}: name`)}`,
    email: `${plant(`${when}: email`)}@people.example`,
    phone,
    external_id: plant(`${when}: external id`),
    tags: [plant(`${when}: tag`)],
    metadata: { [plant(`${when}: name of metadata`)]: [plant(`${when}: metadata`)] },
  }
}

const key = await keyWith('conversations:view', 'conversations:edit', 'conversations:reply', 'customers:edit')
const once = (name: string) => ({ 'idempotency-key': name })
const body = fieldsOf('created')
const created = await call('agent', 'POST', '/v1/customers', body, once('customer'))
const path = `/v1/customers/${created.body.id}`
await call('agent', 'PATCH', path, fieldsOf('changed'))
const other = await world.createCustomer()

// Requests that are refused, or that only search.
const changed = (await call('agent', 'GET', path)).body
for (const field of ['email', 'phone', 'external_id']) {
  await call('agent', 'POST', '/v1/customers', { name: plant(`409: name with ${field}`), [field]: changed[field] })
  await call('agent', 'PATCH', `/v1/customers/${other.id}`, { [field]: changed[field] })
}
await call('agent', 'POST', '/v1/customers', { name: plant('400: name'), email: plant('400: email') })
await call('agent', 'POST', '/v1/customers', { [plant('400: name of a field')]: plant('400: unknown field') })
await call('analyst', 'POST', '/v1/customers', { name: plant('403: name') })
await call({}, 'POST', '/v1/customers', { name: plant('401: name') })
await call('agent', 'GET', `/v1/customers?search=${plant('search')}&tag=${plant('tag of a list')}`)
await call('agent', 'GET', `/v1/customers?${plant('unknown parameter')}=1`)
await call('agent', 'GET', `/v1/customers/${plant('malformed id')}`)
await call('agent', 'GET', `/v1/customers/by-name/${plant('path of no route')}`)
const broken = await call({}, 'GET', `/guard/breaks/${plant('value in an error of PostgreSQL')}`)
await call('analyst', 'GET', `/v1/customers?search=${plant('403: search')}`)
await call('agent', 'GET', `/v1/conversations?search=${plant('search of conversations')}`)

// Conversations of the customer, with messages of everybody, and reports.
const talk = await openTalk({ title: plant('title'), customer_id: created.body.id })
const by_key = await call(
  key,
  'POST',
  '/v1/conversations',
  { title: plant('title by a key'), customer_id: created.body.id },
  once('conversation'),
)
const messages = `/v1/conversations/${talk.id}/messages`
await call('agent', 'POST', messages, { content: plant('message of a member') }, once('message'))
const said = await say(key, talk.id, plant('message of the customer'), { customer_id: created.body.id })
await call(key, 'PATCH', `${messages}/${said.id}`, { content: plant('edited message of the customer') })
const report = await call('lead', 'POST', `${messages}/${said.id}/reports`, { reason: plant('reason') }, once('report'))
await call('admin', 'POST', `/v1/reports/${report.body.id}/review`, { note: plant('note') })
const deleted = await say('agent', talk.id, plant('deleted message'))
await call('lead', 'POST', `${messages}/${deleted.id}/reports`, { reason: plant('reason of a deleted message') })
await call('agent', 'DELETE', `${messages}/${deleted.id}`)
// A conversation that was given to another customer keeps what the first one said.
const given = await openTalk({ title: 'Given', customer_id: created.body.id })
await say(key, given.id, plant('message elsewhere'), { customer_id: created.body.id })
await call('lead', 'PATCH', `/v1/conversations/${given.id}`, { customer_id: other.id })
await call('lead', 'PATCH', `/v1/conversations/${talk.id}`, { title: plant('changed title') })
await call('lead', 'GET', `${path}/export`)

/** Operations of the data plane with a body that takes no text about a customer, each with the reason. */
const TAKES_NO_TEXT: Readonly<Record<string, string>> = {
  handOffConversation: 'it takes the id of a member',
  addConversationMember: 'it takes the id of a member',
  updateConversationMember: 'it takes a role',
  markRead: 'it takes a number',
  dismissReport: 'it stores the note that reviewReport stores',
}

t.test('every operation of the data plane that takes a body was sent above, or takes no text', async (t) => {
  const sent = new Set(
    gateway.lines
      .map((line) => JSON.parse(line))
      .filter(({ msg, status }) => msg === 'request' && status < 300)
      .map(({ req }) => `${req.method} ${req.route}`),
  )
  const taking = guardedRoutes(gateway.routes).filter(
    ({ access, schema }) => access.kind === 'tenant' && schema.body !== undefined,
  )
  t.ok(taking.length >= 10, `${taking.length} operations`)
  const of_data_plane = taking.filter(({ url }) => planeOf(url) === 'data' && !url.startsWith('/v1/key'))
  t.same(
    of_data_plane
      .filter(({ name, operation_id }) => !sent.has(name) && TAKES_NO_TEXT[operation_id] === undefined)
      .map(({ name }) => name),
    [],
    'send the operation in this file with a word of its own, so that the scan can find what it stores',
  )
})

t.test('before the deletion, the scan finds each value of the customer where it is stored', async (t) => {
  t.equal(created.status, 201, created.text)
  t.equal(by_key.status, 201, by_key.text)
  t.equal(broken.status, 500, broken.text)
  t.ok(
    gateway.lines.some((line) => line.includes('22P02')),
    'the log has the error',
  )
  const places = await found()
  t.same(places['changed: name'], ['customers'])
  t.same(places['changed: metadata'], ['customers'])
  t.same(places['created: phone'], ['sealed responses'])
  t.same(places['changed title'], ['conversations'])
  t.same(places['title by a key'], ['conversations', 'sealed responses'])
  t.same(places['message of a member'], ['messages'], 'and no stored response')
  t.same(places['edited message of the customer'], ['message_reports', 'messages'])
  t.same(places['deleted message'], ['message_reports'])
  t.same(places.reason, ['message_reports', 'sealed responses'])
  t.same(places['message elsewhere'], ['messages'])
  t.ok(Object.keys(places).length >= 20, Object.keys(places).join())
})

// Attack: a person whose data were deleted is found in a table, a stored response or the log. A new table that keeps values
// of customers makes this test fail.
t.test(
  'after the deletion no table, no stored response and no line of the log holds anything about the customer',
  async (t) => {
    const removed = await call('agent', 'DELETE', path)
    t.equal(removed.status, 204, removed.text)
    const replay = await call('agent', 'POST', '/v1/customers', body, once('customer'))
    t.match(replay, { status: 409 }, 'a replay of the creation')
    await close()
    t.same(await found(), {})
  },
)

t.test('the scan finds a value in a new table, as text, in JSON and in bytes', async (t) => {
  const word = [...canaries.values()][0] as string
  for (const column of [`'${word}'::text`, `jsonb_build_object('a', '${word.toUpperCase()}')`, `'${word}'::bytea`]) {
    await sql(`create table planted as select ${column} as value`)
    t.same((await readEverything(sql, gateway.signing_keys)).tablesWith(word), ['planted'], column)
    await sql('drop table planted')
  }
})
