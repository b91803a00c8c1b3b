import { fingerprint } from '../../guards/isolation.js'
import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { ids } = world
const { call, open, get, patch, say, add, remove, keyWith } = conversationCalls(gateway, world)
const MISSING = '01900000-0000-7000-8000-000000000000'

/** Every route with the id of a conversation, and a valid body. */
const doors = (id: string, message_id: string): [string, string, unknown?][] => [
  ['GET', `/v1/conversations/${id}`],
  ['PATCH', `/v1/conversations/${id}`, { status: 'closed' }],
  ['POST', `/v1/conversations/${id}/handoff`, { assignee_id: null }],
  ['PUT', `/v1/conversations/${id}/read`, { seq: 1 }],
  ['GET', `/v1/conversations/${id}/members`],
  ['POST', `/v1/conversations/${id}/members`, { user_id: ids.agent }],
  ['PATCH', `/v1/conversations/${id}/members/${ids.lead}`, { role: 'member' }],
  ['DELETE', `/v1/conversations/${id}/members/${ids.lead}`],
  ['GET', `/v1/conversations/${id}/messages`],
  ['GET', `/v1/conversations/${id}/messages?after=0`],
  ['POST', `/v1/conversations/${id}/messages`, { content: 'I am in' }],
  ['GET', `/v1/conversations/${id}/messages/${message_id}`],
  ['PATCH', `/v1/conversations/${id}/messages/${message_id}`, { content: 'changed' }],
  ['DELETE', `/v1/conversations/${id}/messages/${message_id}`],
  ['POST', `/v1/conversations/${id}/messages/${message_id}/reports`, { reason: 'seen' }],
]

// Attack: a caller who is not a member of the conversation reads it, as tenant Owner or with a key that has every
// scope.
t.test('404 on every route, a private conversation gets the response of an unknown id for other callers', async (t) => {
  const { id } = await open({ title: 'SECRETMARK', visibility: 'members' })
  const { id: message_id } = await say('lead', id, 'SECRETMARK')
  const key = await keyWith(
    'conversations:view',
    'conversations:edit',
    'conversations:reply',
    'conversations:moderate',
    'handoff:perform',
  )
  for (const who of ['owner', 'admin', key] as const) {
    for (const [position, [method, path, body]] of doors(id, message_id).entries()) {
      const [, missing_path = '', missing_body] = doors(MISSING, MISSING)[position] ?? []
      const answer = await call(who, method, path, body)
      const missing = await call(who, method, missing_path, missing_body)
      // These routes are for users only, which the gateway checks before it looks for the conversation.
      const expected = typeof who !== 'string' && /read$|reports$/.test(path) ? 403 : 404
      t.equal(answer.status, expected, `${method} ${path} ${answer.text}`)
      t.equal(fingerprint(answer), fingerprint(missing), `${method} ${path}`)
    }
    for (const query of ['', '?search=SECRETMARK', '?limit=100', '?status=open']) {
      t.notMatch((await call(who, 'GET', `/v1/conversations${query}`)).text, /SECRETMARK/)
    }
  }
  t.match(await get('lead', id), { status: 200, body: { last_message: { content: 'SECRETMARK' }, last_seq: 1 } })
  const [row] = await gateway.sql(`select status, last_seq, version from conversations where id = '${id}'`)
  t.same(row, { status: 'open', last_seq: 1, version: 1 }, 'the conversation is unchanged')
})

t.test('adding and removing a member changes their access at the next request', async (t) => {
  const { id } = await open({ visibility: 'members' })
  t.equal((await get('agent', id)).status, 404)
  await add('lead', id, ids.agent)
  t.match(await get('agent', id), { status: 200, body: { my_role: 'member' } })
  await say('agent', id, 'hello')
  await remove('lead', id, ids.agent)
  t.equal((await get('agent', id)).status, 404)
  t.equal((await call('agent', 'POST', `/v1/conversations/${id}/messages`, { content: 'again' })).status, 404)
  t.notMatch((await call('agent', 'GET', '/v1/conversations?limit=100')).text, id)
})

t.test('an owner makes a conversation private, and visible to the tenant again', async (t) => {
  const { id } = await open()
  t.equal((await get('agent', id)).status, 200)
  t.equal((await patch('lead', id, { visibility: 'members' })).status, 200)
  t.equal((await get('agent', id)).status, 404)
  t.equal((await patch('lead', id, { visibility: 'tenant' })).status, 200)
  t.equal((await get('agent', id)).status, 200)
})

t.test('400 a conversation cannot become private if its assignee is not a member', async (t) => {
  const { id } = await open({ assignee_id: ids.agent })
  t.match(await patch('lead', id, { visibility: 'members' }), {
    status: 400,
    body: { errors: [{ pointer: '/assignee_id' }] },
  })
  t.equal((await patch('lead', id, { visibility: 'members', assignee_id: null })).status, 200)
})

// Attack: a member of one conversation requests a message of another by its id.
t.test('404 a message is found only in its own conversation', async (t) => {
  const mine = await open()
  const theirs = await open({ visibility: 'members' })
  const { id: message_id } = await say('lead', theirs.id, 'theirs')
  const path = `/v1/conversations/${mine.id}/messages/${message_id}`
  for (const [method, body] of [['GET'], ['PATCH', { content: 'x' }], ['DELETE']] as [string, unknown?][]) {
    t.equal((await call('lead', method, path, body)).status, 404, method)
  }
  t.equal((await call('lead', 'POST', `${path}/reports`, { reason: 'x' })).status, 404)
  t.notMatch((await call('owner', 'GET', `/v1/conversations/${mine.id}/messages?limit=100`)).text, /theirs/)
})
