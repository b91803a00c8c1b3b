import { NIL_UUID } from '../../../src/kernel/ids/uuid.js'
import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const path = `/v1/tenants/${acme.id}/members`
const add = async (body: unknown, person: Person = 'owner') =>
  ask(gateway, path, { headers: await world.bearer(person), body })
const patch = async (user_id: string, body: unknown, person: Person = 'owner') =>
  ask(gateway, `${path}/${user_id}`, { method: 'PATCH', headers: await world.bearer(person), body })

t.test('200 every member is listed with state and roles, and no member of another tenant', async (t) => {
  const answer = await ask(gateway, path, { headers: await world.bearer('admin') })
  t.equal(answer.status, 200)
  const members = answer.body.data as { user_id: string; email: string | null; state: string; roles: string[] }[]
  const states = Object.fromEntries(members.map(({ email, state, roles }) => [String(email), [state, ...roles]]))
  t.same(states, {
    [emailOf('owner')]: ['active', 'Owner'],
    [emailOf('admin')]: ['active', 'Admin'],
    [emailOf('lead')]: ['active', 'Support Lead'],
    [emailOf('agent')]: ['active', 'Agent'],
    [emailOf('analyst')]: ['active', 'Analyst'],
    null: ['pending', 'Agent'],
    [emailOf('disabled')]: ['disabled', 'Agent'],
  })
  t.same(Object.keys(members[0] ?? {}).sort(), ['created_at', 'email', 'name', 'roles', 'state', 'user_id'])
  const first = await ask(gateway, `${path}?limit=3`, { headers: await world.bearer('owner') })
  const rest = await ask(gateway, `${path}?cursor=${first.body.next_cursor}`, { headers: await world.bearer('owner') })
  t.same([...first.body.data, ...rest.body.data], members)
})

t.test('201 an existing user becomes a pending member by id, with several roles or none', async (t) => {
  const one = await makeUser(gateway, world)
  const answer = await add({ user_id: one.id, roles: ['Agent', 'Analyst'] })
  t.match(answer, { status: 201, body: { user_id: one.id, state: 'pending', roles: ['Agent', 'Analyst'] } })
  const by_id = await makeUser(gateway, world)
  t.match(await add({ user_id: by_id.id, roles: [] }, 'admin'), { status: 201, body: { roles: [] } })
  t.match(await add({ user_id: by_id.id, roles: [] }), { status: 409, body: { code: 'already_exists' } })
  const cleared = await patch(one.id, { roles: [] })
  t.match(cleared, { status: 200, body: { roles: [], state: 'pending' } }, 'a member without roles')
})

// Attack: adds a user whose address was never verified.
t.test('404 an unknown or disabled user, 409 a user with an unverified address', async (t) => {
  const disabled = await makeUser(gateway, world)
  const unverified = await makeUser(gateway, world)
  await gateway.sql(`update users set disabled_at = now() where id = '${disabled.id}';
    update users set email_verified_at = null where id = '${unverified.id}'`)
  const unknown = await add({ user_id: NIL_UUID, roles: [] })
  t.match(unknown, { status: 404, body: { code: 'not_found' } })
  const { request_id: _one, ...first } = unknown.body
  const { request_id: _two, ...second } = (await add({ user_id: disabled.id, roles: [] })).body
  t.same(first, second, 'both have the same response')
  t.match(await add({ user_id: unverified.id, roles: [] }), { status: 409, body: { code: 'email_unverified' } })
  t.equal((await patch(ids.stranger, { roles: [] })).status, 404, 'a user who is not a member')
  t.equal((await patch(ids.other_owner, { roles: [] })).status, 404, 'a member of another tenant')
})

// Attack: a user makes a tenant, and adds members by email to find out which addresses have a user.
t.test('400 an email, no user_id, no roles, unknown fields, an empty change', async (t) => {
  const { id, email } = await makeUser(gateway, world)
  const wrong = [
    { roles: [] },
    { email, user_id: id, roles: [] },
    { email, roles: [] },
    { user_id: id },
    { user_id: id, roles: 'Agent' },
    { user_id: id, roles: ['Agent', 'Agent'] },
    { user_id: id, roles: [], state: 'active' },
    { email, roles: [], tenant_id: globex.id },
    { user_id: 'x', roles: [] },
  ]
  for (const body of wrong)
    t.match(await add(body), { status: 400, body: { code: 'validation_failed' } }, JSON.stringify(body))
  for (const body of [{}, { state: 'pending' }, { roles: null }, { user_id: id }, { overrides: [] }]) {
    t.match(await patch(ids.agent, body), { status: 400, body: { code: 'validation_failed' } }, JSON.stringify(body))
  }
})

// Attack: names a role in another spelling: case-folded, URL-encoded, with spaces, or inherited from Object.
t.test('400 a role name must match exactly', async (t) => {
  await gateway.sql(`insert into roles (tenant_id, id, name, scopes, created_at)
    values ('${globex.id}', gen_random_uuid(), 'Globex only', '{}', now())`)
  const spellings = [
    'Owner ',
    ' Owner',
    'owner',
    'OWNER',
    'Ｏwner',
    'ow%6Eer',
    'Own%65r',
    'Οwner',
    'Owner\u200b',
    'Owner%00',
  ]
  const odd = [
    '__proto__',
    'constructor',
    'toString',
    '*',
    '%',
    "Owner' or true --",
    'Globex only',
    'owner,Agent',
    'null',
  ]
  const { id } = await makeUser(gateway, world)
  for (const name of [...spellings, ...odd]) {
    const told = { status: 400, body: { code: 'validation_failed', errors: [{ pointer: '/roles/1' }] } }
    t.match(await patch(ids.agent, { roles: ['Agent', name] }), told, `PATCH ${name}`)
    t.match(await add({ user_id: id, roles: ['Agent', name] }), told, `POST ${name}`)
  }
  const access = await ask(gateway, '/v1/access', { headers: await world.as('agent') })
  t.same(access.body.roles, ['Agent'], 'the roles are unchanged')
})

t.test('409 only the invited user can accept a pending membership', async (t) => {
  for (const state of ['active', 'disabled']) {
    t.match(await patch(ids.pending, { state }), { status: 409, body: { code: 'invalid_state' } }, state)
  }
  t.equal((await patch(ids.pending, { roles: ['Analyst'] })).status, 200, 'roles of a pending membership')
  const denied = await ask(gateway, '/v1/access', { headers: await world.as('pending') })
  t.match(denied, { status: 403, body: { code: 'tenant_access_denied' } })
})
