import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const tenant = `/v1/tenants/${acme.id}`
const headers = {
  owner: await world.bearer('owner'),
  operator: await world.bearer('operator'),
}
type Side = keyof typeof headers
const list = (side: Side, path: string, query: Record<string, string>) =>
  ask(gateway, `${path}?${new URLSearchParams(query)}`, { headers: headers[side] })
const found = async (side: Side, path: string, query: Record<string, string>, field: string): Promise<string[]> => {
  const answer = await list(side, path, query)
  if (answer.status !== 200) throw new Error(answer.text)
  return answer.body.data.map((each: Record<string, string>) => each[field]).sort()
}

for (const name of ['100% night_shift', '100 nightXshift', 'back\\slash', "O'Brien; drop table"]) {
  await ask(gateway, `${tenant}/keys`, { headers: headers.owner, body: { name } })
  await ask(gateway, '/v1/tenants', { headers: headers.owner, body: { name } })
}
for (const email of ['anna_b@people.example', 'annaxb@people.example', 'percent%@people.example']) {
  const { status, text } = await ask(gateway, `${tenant}/invitations`, {
    headers: headers.owner,
    body: { email, roles: [] },
  })
  if (status !== 201) throw new Error(text)
}

/** Every list of people, keys, tenants and invitations, with the field that is searched. */
const LISTS: readonly (readonly [Side, string, string, string])[] = [
  ['owner', '/v1/tenants', 'name', 'ACMEmark'],
  ['owner', `${tenant}/keys`, 'name', 'integRATION'],
  ['owner', `${tenant}/members`, 'email', 'AnalYst@PEOPLE'],
  ['owner', `${tenant}/invitations`, 'email', 'PERcent'],
  ['operator', '/v1/platform/tenants', 'name', 'ACMEmark'],
  ['operator', `/v1/platform/tenants/${acme.id}/keys`, 'name', 'integRATION'],
  ['operator', '/v1/platform/users', 'email', 'AnalYst@PEOPLE'],
]

t.test('200 every list of tenants, users, members, keys and invitations finds text in any case', async (t) => {
  for (const [side, path, field, search] of LISTS) {
    const all = await found(side, path, {}, field)
    const expected = all.filter((text) => text?.toLowerCase().includes(search.toLowerCase()))
    t.equal(expected.length, 1, `${path} has one such object`)
    t.same(await found(side, path, { search }, field), expected, path)
    t.same(await found(side, path, { search: 'no object has this' }, field), [], path)
  }
})

t.test('200 members and users are found by name, and keys by id', async (t) => {
  t.same(await found('owner', `${tenant}/members`, { search: 'the LEAD' }, 'email'), [emailOf('lead')])
  t.same(await found('operator', '/v1/platform/users', { search: 'the STRANGER' }, 'email'), [emailOf('stranger')])
  const search = acme.integration_key_id.slice(0, 8).toUpperCase()
  t.same(await found('owner', `${tenant}/keys`, { search }, 'id'), [acme.integration_key_id])
})

t.test('200 an operator finds a user by exact email, in any case', async (t) => {
  const path = '/v1/platform/users'
  t.same(await found('operator', path, { email: emailOf('agent').toUpperCase() }, 'id'), [ids.agent])
  t.same(await found('operator', path, { email: 'gent@people.example' }, 'id'), [])
  t.same(await found('operator', path, { email: emailOf('agent'), search: 'owner' }, 'id'), [])
  t.match(await list('operator', path, { email: 'x' }), { status: 400, body: { errors: [{ pointer: '/email' }] } })
})

// Attack: sends LIKE patterns. A single % would list everything, and many of them cost CPU.
t.test('200 %, _, \\ and quotes are ordinary characters of a search', async (t) => {
  for (const path of ['/v1/tenants', `${tenant}/keys`]) {
    t.same(await found('owner', path, { search: '%' }, 'name'), ['100% night_shift'], path)
    t.same(await found('owner', path, { search: 'night_s' }, 'name'), ['100% night_shift'], path)
    t.same(await found('owner', path, { search: '\\' }, 'name'), ['back\\slash'], path)
    t.same(await found('owner', path, { search: "O'Brien; drop" }, 'name'), ["O'Brien; drop table"], path)
  }
  t.same(await found('owner', `${tenant}/invitations`, { search: 'anna_' }, 'email'), ['anna_b@people.example'])
  t.same(await found('owner', `${tenant}/invitations`, { search: '%@' }, 'email'), ['percent%@people.example'])
  t.same(await found('operator', '/v1/platform/users', { search: '%' }, 'email'), [])
})

// Attack: searches for the address of a user who has not accepted a membership, to learn who an id is.
t.test('200 a tenant finds neither the members of other tenants nor users who have not accepted', async (t) => {
  const path = `${tenant}/members`
  t.same(await found('owner', path, { search: emailOf('pending') }, 'user_id'), [], 'pending')
  t.same(await found('owner', path, { search: emailOf('other_owner') }, 'user_id'), [], 'of another tenant')
  t.same(await found('owner', '/v1/tenants', { search: 'GLOBEX' }, 'id'), [], 'a tenant of others')
  t.match(await list('owner', `/v1/tenants/${globex.id}/members`, { search: 'a' }), { status: 403 })
})

t.test('400 an invalid search, and a cursor of another search', async (t) => {
  for (const [side, path] of LISTS) {
    for (const query of ['search=', `search=${'x'.repeat(101)}`, 'search=a&search=b', 'search=%00', 'q=a']) {
      const answer = await ask(gateway, `${path}?${query}`, { headers: headers[side] })
      t.match(answer, { status: 400, body: { code: 'validation_failed' } }, `${path}?${query}`)
    }
  }
  const path = `${tenant}/keys`
  const { next_cursor: cursor } = (await list('owner', path, { search: 'shift', limit: '1' })).body
  t.equal((await list('owner', path, { search: 'shift', limit: '1', cursor })).body.data.length, 1)
  const others: Record<string, string>[] = [{ cursor }, { search: 'night', cursor }]
  for (const query of others) {
    t.match(await list('owner', path, query), { status: 400, body: { code: 'invalid_cursor' } })
  }
})

// Attack: searches a long list for a text that nothing contains, so that one request reads all of it.
t.test('200 a search stops after 10,000 objects, and its cursor continues it', async (t) => {
  const id = (n: string) => `('019a0000-0000-7000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`
  await gateway.sql(`insert into tenants (id, name, created_at)
    select ${id('n')}, 'Many ' || n, now() from generate_series(1, 10500) n`)
  await gateway.sql(`insert into users (id, email, name, password_hash, created_at)
    select ${id('n')}, 'many' || n || '@many.example', 'Many', '', now() from generate_series(1, 10500) n`)
  await gateway.sql(`insert into invitations (tenant_id, id, email, token_digest, created_at, delivery_state, delivery_at, expires_at)
    select '${acme.id}', ${id('n')}, 'many' || n || '@many.example', decode(lpad(to_hex(n), 64, '0'), 'hex'), now(), 'sent', now(), now()
    from generate_series(1, 10500) n`)
  await gateway.sql(`insert into memberships (tenant_id, user_id, state, created_at, accepted_at)
    select '${acme.id}', ${id('n')}, 'active', now(), now() from generate_series(1, 10500) n`)
  await gateway.sql(`insert into tenant_keys (tenant_id, id, name, secret_digest, secret_last_four, secret_created_at, created_at)
    select '${acme.id}', lpad(n::text, 12, '0'), 'Many', decode(lpad(to_hex(n), 64, '0'), 'hex'), 'xxxx', now(), now()
    from generate_series(1, 10500) n`)
  for (const [side, path] of LISTS.filter(([, path]) => path !== '/v1/tenants')) {
    const first = (await list(side, path, { search: 'no object has this' })).body
    t.same(first.data, [], path)
    t.type(first.next_cursor, 'string', path)
    const second = await list(side, path, { search: 'no object has this', cursor: first.next_cursor })
    t.same(second.body, { data: [], next_cursor: null }, path)
    const page = (await list(side, path, { search: 'many', limit: '100' })).body
    t.equal(page.data.length, 100, 'a page that is full ends the search')
  }
})
