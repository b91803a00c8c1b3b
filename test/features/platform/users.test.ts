import { ALL_PRIVILEGES } from '../../../src/contract/scopes.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask, untilDecided } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, login, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { ids } = world
const headers = await world.bearer('operator')
const get = (path: string) => ask(gateway, `/v1/platform/users${path}`, { headers })
const post = (path: string, body?: unknown, of = headers) =>
  ask(gateway, `/v1/platform/users${path}`, { method: 'POST', headers: of, body })
const NEW = { email: 'New.Person@People.example', name: 'New Person', password: 'violet-harbour-lantern-9' }

t.test('200 operators list users, and see no password hash', async (t) => {
  const answer = await get('?limit=100')
  t.equal(answer.body.data.length, 10)
  t.same(Object.keys(answer.body.data[0]).sort(), [
    'created_at',
    'disabled_at',
    'email',
    'email_verified_at',
    'id',
    'name',
  ])
  t.notMatch(answer.text, /argon2|password/)
  const first = await get('?limit=4')
  const rest = await get(`?limit=100&cursor=${first.body.next_cursor}`)
  t.same([...first.body.data, ...rest.body.data], answer.body.data)
})

t.test('201 an operator creates a user who can log in at once; the email is stored in lower case', async (t) => {
  const created = await post('', NEW)
  t.match(created, { status: 201, body: { email: 'new.person@people.example', name: 'New Person', disabled_at: null } })
  t.notMatch(created.text, /violet|argon2/)
  const body = { email: 'NEW.PERSON@people.example', password: NEW.password }
  t.equal((await ask(gateway, '/v1/auth/login', { body })).status, 200)
  const again = await post('', { ...NEW, email: 'new.person@PEOPLE.example' })
  t.match(again, { status: 409, body: { code: 'already_exists', conflicting_field: 'email' } })
})

t.test('409 of 15 concurrent requests to create one user, exactly one succeeds', async (t) => {
  // The gateway takes 18 password hashes at once, and refuses more with 503. 15 stay below that.
  const answers = await Promise.all(
    Array.from({ length: 15 }, () => post('', { ...NEW, email: 'race@people.example' })),
  )
  t.same(answers.map(({ status }) => status).sort(), [201, ...Array(14).fill(409)])
})

// Attack: creates a user with a weak password, or sends privileges in the body of a new user.
t.test('400 a short or common password, a malformed email, a field that a client cannot set', async (t) => {
  const wrong = {
    password: ['short', 'x'.repeat(200), 'password12345678', 'qwertyuiopasdfgh', 'New PersonNew Person'],
  }
  for (const password of wrong.password) {
    const answer = await post('', { ...NEW, email: 'p@people.example', password })
    t.match(answer, { status: 400, body: { errors: [{ pointer: '/password' }] } }, password)
    t.notMatch(answer.text, new RegExp(password), 'the problem does not contain the password')
  }
  for (const email of ['x', '', 'a@b c', null]) t.equal((await post('', { ...NEW, email })).status, 400, `${email}`)
  for (const extra of [
    { is_operator: true },
    { privileges: ALL_PRIVILEGES },
    { id: ids.owner },
    { email_verified_at: null },
  ]) {
    t.match(await post('', { ...NEW, email: 'e@people.example', ...extra }), {
      status: 400,
      body: { code: 'validation_failed' },
    })
  }
})

t.test('200 disabling a user revokes every session at once, and a second request changes nothing', async (t) => {
  const first = await login(gateway, 'analyst')
  const second = await login(gateway, 'analyst')
  const disabled = await post(`/${ids.analyst}/disable`)
  t.equal(disabled.status, 200)
  t.ok(disabled.body.disabled_at)
  for (const { access, refresh } of [first, second]) {
    const me = await ask(gateway, '/v1/me', { headers: { authorization: `Bearer ${access}` } })
    t.match(me, { status: 401, body: { code: 'invalid_token' } })
    t.equal((await ask(gateway, '/v1/auth/refresh', { body: { refresh } })).status, 401)
  }
  await t.rejects(login(gateway, 'analyst'), { message: /invalid_credentials/ })
  t.same((await post(`/${ids.analyst}/disable`)).body, disabled.body)
  const open = `select count(*)::int as open from sessions where user_id = '${ids.analyst}' and ended_at is null`
  t.same(await gateway.sql(open), [{ open: 0 }])
  t.equal((await post('/00000000-0000-4000-8000-000000000000/disable')).status, 404)
  t.equal((await post('/x/disable')).status, 404)
})

t.test('403 the problem names the privilege that the operator does not have', async (t) => {
  await gateway.sql(`update operators set privileges = '{platform:users:view}'`)
  t.equal((await get('')).status, 200)
  const cases = [
    ['POST', '/v1/platform/users', 'platform:users:manage'],
    ['POST', `/v1/platform/users/${ids.agent}/disable`, 'platform:users:manage'],
    ['GET', '/v1/platform/tenants', 'platform:tenants:view'],
    ['POST', '/v1/platform/tenants', 'platform:tenants:manage'],
  ] as const
  for (const [method, path, privilege] of cases) {
    const answer = await ask(gateway, path, { method, headers })
    t.match(
      answer,
      { status: 403, body: { code: 'platform_access_denied', required: [privilege], missing: [privilege] } },
      path,
    )
    t.match(answer.body.detail, new RegExp(privilege))
  }
  await gateway.sql(`update operators set privileges = '{}'`)
  t.equal((await get('')).status, 403, 'an operator without privileges')
  await gateway.sql(`update operators set privileges = '{${ALL_PRIVILEGES}}'`)
})

// Attack: an Owner uses the platform, or an operator reads a tenant.
t.test('403 an Owner has no access to the platform, an operator none to a tenant', async (t) => {
  const owner = await ask(gateway, '/v1/platform/users', { headers: await world.as('owner') })
  t.match(owner, { status: 403, body: { code: 'platform_access_denied' } })
  t.notOk('missing' in owner.body, 'a user who is not an operator does not learn the privileges')
  const operator = await ask(gateway, '/v1/customers', { headers: await world.as('operator') })
  t.match(operator, { status: 403, body: { code: 'tenant_access_denied' } })
})

// The platform must keep an operator who can appoint others, even with concurrent requests.
t.test('409 the last operator who can appoint others cannot be disabled', async (t) => {
  t.match(await post(`/${ids.operator}/disable`), { status: 409, body: { code: 'last_operator' } })
  const second: Person = 'stranger'
  await gateway.sql(`insert into operators (user_id, privileges, created_at, accepted_at)
    values ('${ids[second]}', '{platform:users:manage}', now(), now())`)
  t.match(
    await post(`/${ids.operator}/disable`),
    { status: 409, body: { code: 'last_operator' } },
    'the second operator cannot appoint',
  )
  await gateway.sql(`update operators set privileges = '{${ALL_PRIVILEGES}}'`)
  const other = await world.bearer(second)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, number) =>
      untilDecided(() =>
        number % 2 === 0 ? post(`/${ids[second]}/disable`) : post(`/${ids.operator}/disable`, undefined, other),
      ),
    ),
  )
  const [left] = await gateway.sql(
    'select count(*)::int as count from operators o join users u on u.id = o.user_id where u.disabled_at is null',
  )
  t.same(left, { count: 1 })
  const known = [200, 401, 409]
  t.ok(
    answers.every(({ status }) => known.includes(status)),
    answers.map(({ status }) => status).join(),
  )
})
