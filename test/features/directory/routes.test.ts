import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const { call, open, keyWith } = conversationCalls(gateway, world)

interface Entry {
  readonly id: string
  readonly name: string
  readonly kind: string
}

const data = async (query = '', who: Person | Record<string, string> = 'lead'): Promise<Entry[]> => {
  const { status, body, text } = await call(who, 'GET', `/v1/directory${query}`)
  if (status !== 200) throw new Error(text)
  return body.data
}
const ofMembers = async (person: Person, query = '', tenant_id = acme.id) =>
  ask(gateway, `/v1/tenants/${tenant_id}/directory${query}`, { headers: await world.bearer(person) })
const setKey = (id: string, values: string) => gateway.sql(`update tenant_keys set ${values} where id = '${id}'`)

const ACTIVE = ['owner', 'admin', 'lead', 'agent', 'analyst'] as const

t.test('200 the directory has the active members and the working keys, with id, name and kind alone', async (t) => {
  const [revoked, disabled, expired] = [await keyWith(), await keyWith(), await keyWith()]
  await setKey(revoked.key_id, 'revoked_at = now()')
  await setKey(disabled.key_id, 'disabled_at = now()')
  await setKey(expired.key_id, `expires_at = '2020-01-01'`)
  const entries = await data()
  const members = entries.filter(({ kind }) => kind === 'user')
  t.strictSame(
    members,
    ACTIVE.map((person) => ({ id: ids[person], name: `The ${person}`, kind: 'user' })).sort((one, other) =>
      one.id < other.id ? 1 : -1,
    ),
    'no pending, disabled or foreign user',
  )
  const keys = entries.filter(({ kind }) => kind === 'key')
  t.strictSame(keys.map(({ name }) => name).sort(), ['First key', 'Integration'])
  t.ok(keys.some(({ id }) => id === acme.integration_key_id))
  t.strictSame(entries, [...members, ...keys], 'users before keys')
  await gateway.sql(`update users set disabled_at = now() where id = '${ids.analyst}'`)
  t.notOk(
    (await data()).some(({ id }) => id === ids.analyst),
    'a user whom an operator has disabled',
  )
  await gateway.sql(`update users set disabled_at = null where id = '${ids.analyst}'`)
})

// Attack: a member without users:manage collects the email addresses of the tenant.
t.test('200 every member reads the directory on the management plane, and no entry has an email address', async (t) => {
  const expected = await data()
  for (const person of ACTIVE) {
    const answer = await ofMembers(person)
    t.equal(answer.status, 200, answer.text)
    t.strictSame(answer.body.data, expected, person)
    t.notMatch(answer.text, /@/)
  }
})

// Attack: a caller outside of the tenant, or without the scope, looks up who works there.
t.test('401 403 the directory is for members, and on the data plane for conversations:view', async (t) => {
  const denied = { status: 403, body: { code: 'tenant_access_denied' } }
  for (const person of ['stranger', 'pending', 'disabled', 'other_owner', 'operator'] as const) {
    t.match(await ofMembers(person), denied, person)
  }
  const no_scope = { status: 403, body: { code: 'insufficient_scope', missing: ['conversations:view'] } }
  t.match(await call('analyst', 'GET', '/v1/directory'), no_scope)
  t.match(await call(await keyWith('conversations:reply'), 'GET', '/v1/directory'), no_scope)
  t.match(await call({}, 'GET', '/v1/directory'), { status: 401, body: { code: 'tenant_credentials_required' } })
  t.ok((await data('', await keyWith('conversations:view'))).length > 5, 'a key without a user')
  const theirs = await ofMembers('other_owner', '', globex.id)
  t.strictSame(
    theirs.body.data.filter(({ kind }: Entry) => kind === 'user'),
    [{ id: ids.other_owner, name: 'The other_owner', kind: 'user' }],
  )
})

t.test(
  '200 a search finds a part of a name, ignoring case, and reads no wildcards; kind selects one kind',
  async (t) => {
    const names = async (query: string) => (await data(query)).map(({ name }) => name)
    t.strictSame(await names('?search=LEAD'), ['The lead'])
    t.strictSame(await names('?search=an'), ['The analyst'])
    t.strictSame(await names('?search=%25'), [])
    t.strictSame(await names('?search=e_l'), [])
    t.strictSame((await names('?search=integration&kind=key')).length > 0, true)
    t.strictSame(await names('?search=integration&kind=user'), [])
    t.ok((await data('?kind=key')).every(({ kind }) => kind === 'key'))
    t.ok((await data('?kind=user')).every(({ kind }) => kind === 'user'))
  },
)

t.test('400 unknown parameters, a kind that does not exist, an empty search, and a foreign cursor', async (t) => {
  for (const query of ['?kind=customer', '?search=', '?name=x', '?limit=0', '?limit=101']) {
    t.match(await call('lead', 'GET', `/v1/directory${query}`), { status: 400, body: { code: 'validation_failed' } })
  }
  const { next_cursor } = (await call('lead', 'GET', '/v1/directory?limit=1')).body
  for (const query of [`?cursor=${next_cursor}&kind=user`, `?cursor=${next_cursor}x`, '?cursor=abc']) {
    t.match(await call('lead', 'GET', `/v1/directory${query}`), { status: 400, body: { code: 'invalid_cursor' } })
  }
  const other_list = await ofMembers('owner', `?limit=1&cursor=${next_cursor}`)
  t.match(other_list, { status: 400, body: { code: 'invalid_cursor' } }, 'a cursor of the other route')
})

t.test('200 pages of every size hold each entry once, across the border between users and keys', async (t) => {
  const expected = await data('?limit=100')
  for (const limit of [1, 2, 3, 5, expected.length - 1, expected.length]) {
    const seen: Entry[] = []
    let query: string | null = `?limit=${limit}`
    while (query !== null) {
      const { status, body, headers, text } = await call('lead', 'GET', `/v1/directory${query}`)
      if (status !== 200) throw new Error(text)
      t.ok(body.data.length <= limit)
      seen.push(...body.data)
      t.equal(headers.get('link') !== null, body.next_cursor !== null)
      query = body.next_cursor === null ? null : `?limit=${limit}&cursor=${body.next_cursor}`
    }
    t.strictSame(seen, expected, `pages of ${limit}`)
  }
})

t.test('200 a Support Lead finds by name whom to hand off to', async (t) => {
  const { id } = await open()
  const [agent] = await data('?search=the%20agent&kind=user')
  const handed = await call('lead', 'POST', `/v1/conversations/${id}/handoff`, { assignee_id: agent?.id })
  t.match(handed, { status: 200, body: { assignee: { id: ids.agent, name: 'The agent' }, status: 'handoff' } })
})

t.test('200 a changed name shows in the next response', async (t) => {
  const headers = await world.bearer('analyst')
  t.equal((await ask(gateway, '/v1/me', { method: 'PATCH', headers, body: { name: 'Ana Lyst' } })).status, 200)
  t.strictSame(await data('?search=ana%20l'), [{ id: ids.analyst, name: 'Ana Lyst', kind: 'user' }])
})
