import { ALL_SCOPES } from '../../../src/contract/scopes.js'
import { startGateway } from '../../helpers/gateway.js'
import { addMember } from '../../helpers/members.js'
import { ask, askRaw } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, keyHeaders, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)

const me = async (person: Person) => ask(gateway, '/v1/me', { headers: await world.bearer(person) })
const rename = async (person: Person, body: unknown) =>
  ask(gateway, '/v1/me', { method: 'PATCH', headers: await world.bearer(person), body })
const membership = async (person: Person) => (await me(person)).body.memberships[0]

t.test('200 a user sees their profile and memberships, and no secret', async (t) => {
  const answer = await me('agent')
  t.equal(answer.status, 200)
  t.strictSame(Object.keys(answer.body).sort(), [
    'created_at',
    'email',
    'email_verified_at',
    'id',
    'invitations',
    'memberships',
    'name',
    'pending_appointment',
    'pending_memberships',
    'privileges',
  ])
  t.match(answer.body, { id: world.ids.agent, email: emailOf('agent'), name: 'The agent', email_verified_at: /Z$/ })
  t.strictSame(answer.body.memberships, [
    {
      tenant: { id: world.acme.id, name: 'Acme ACMEMARK' },
      state: 'active',
      roles: ['Agent'],
      scopes: ['conversations:view', 'conversations:reply', 'customers:edit'],
    },
  ])
  t.match(answer.headers.get('cache-control'), 'no-store')
  t.notMatch(answer.text, /argon2|GLOBEXMARK/)
})

t.test('200 a member of two tenants sees both, each with its scopes', async (t) => {
  t.strictSame([...(await membership('owner')).scopes].sort(), [...ALL_SCOPES].sort())
  await addMember(gateway, world.globex.id, world.ids.owner, ['Analyst'])
  const { memberships } = (await me('owner')).body
  const scopes = Object.fromEntries(
    memberships.map((each: { tenant: { id: string }; scopes: string[] }) => [each.tenant.id, each.scopes]),
  )
  t.equal(memberships.length, 2)
  t.equal(scopes[world.acme.id].length, ALL_SCOPES.length)
  t.strictSame(scopes[world.globex.id], ['analytics:view', 'audit:view'])
})

// The profile must show the scopes that the data plane grants. Otherwise a client shows actions that are refused.
t.test('a pending or disabled membership has no scopes, whatever its roles', async (t) => {
  t.match(await membership('disabled'), { state: 'disabled', roles: ['Agent'], scopes: [] })
  t.equal((await membership('disabled')).scopes.length, 0)
  const pending = (await me('pending')).body
  t.strictSame(pending.memberships, [])
  t.match(pending.pending_memberships, [{ tenant: { name: 'Acme ACMEMARK' }, roles: ['Agent'], created_at: /Z$/ }])
  for (const person of ['pending', 'disabled'] as const) {
    const refused = await ask(gateway, '/v1/customers', { headers: await world.as(person) })
    t.equal(refused.status, 403, `${person}, on the data plane`)
  }
  t.strictSame((await me('stranger')).body.memberships, [])
})

t.test('overrides, roles and state change the scopes in the profile and on the data plane at once', async (t) => {
  const where = `tenant_id = '${world.acme.id}' and user_id = '${world.ids.lead}'`
  const shown = async () => [...(await membership('lead')).scopes].sort()
  const held = async () =>
    (await ask(gateway, '/v1/access', { headers: await world.as('lead') })).body.scopes
      .map(({ scope }: { scope: string }) => scope)
      .sort()
  const before = await shown()
  t.strictSame(before, await held())
  await gateway.sql(`insert into overrides (tenant_id, user_id, scope, effect, reason, created_at) values
    ('${world.acme.id}', '${world.ids.lead}', 'customers:edit', 'deny', 'a test', now()),
    ('${world.acme.id}', '${world.ids.lead}', 'audit:view', 'grant', 'a test', now())`)
  const after = [...before.filter((scope) => scope !== 'customers:edit'), 'audit:view'].sort()
  t.strictSame(await shown(), after)
  t.strictSame(await held(), after)
  await gateway.sql(`delete from membership_roles where ${where}`)
  t.strictSame(await shown(), ['audit:view'])
  t.strictSame(await held(), ['audit:view'])
  await gateway.sql(`update memberships set state = 'disabled' where ${where}`)
  t.strictSame(await shown(), [])
})

t.test('200 a user changes their name: one audit event, in force at once', async (t) => {
  for (const name of ['Zoë O’Brien-Ng', '名前', 'x', '🦊'.repeat(200), ' kept as it is ']) {
    const changed = await rename('agent', { name })
    t.match(changed, { status: 200, body: { name, email: emailOf('agent') } })
    t.equal((await me('agent')).body.name, name)
  }
  const told = await gateway.sql(
    `select actor_id, changes from audit_events where action = 'user.updated' and target_id = '${world.ids.agent}' order by seq`,
  )
  t.equal(told.length, 5)
  t.match(told[0], { actor_id: world.ids.agent, changes: { before: { name: 'The agent' }, after: { name: /Zoë/ } } })
  t.equal((await me('owner')).body.name, 'The owner', 'the name of another user')
})

// Attack: mass assignment. A member of the body other than `name` must not reach the row.
t.test('400 only a valid name is accepted', async (t) => {
  const before = (await me('agent')).body
  const wrong: [unknown, string][] = [
    [{}, '/name'],
    [{ name: '' }, '/name'],
    [{ name: '   ' }, '/name'],
    [{ name: 'x'.repeat(201) }, '/name'],
    [{ name: 'a\u0007b' }, '/name'],
    [{ name: 'a\r\nSet-Cookie: b' }, '/name'],
    [{ name: 7 }, '/name'],
    [{ name: null }, '/name'],
    [{ name: ['x'] }, '/name'],
    [{ name: 'x', email: 'other@people.example' }, '/email'],
    [{ name: 'x', email_verified_at: null }, '/email_verified_at'],
    [{ name: 'x', id: world.ids.owner }, '/id'],
    [{ name: 'x', password_hash: 'x' }, '/password_hash'],
    [{ name: 'x', is_operator: true }, '/is_operator'],
    [{ name: 'x', memberships: [] }, '/memberships'],
    [[], ''],
    ['x', ''],
  ]
  for (const [body, pointer] of wrong) {
    const answer = await rename('agent', body)
    t.match(answer, { status: 400, body: { code: 'validation_failed', errors: [{ pointer }] } }, JSON.stringify(body))
  }
  for (const name of ['a\u0000b', 'a\ud800b']) {
    t.match(
      await rename('agent', { name }),
      { status: 400, body: { errors: [{ pointer: '/name' }] } },
      JSON.stringify(name),
    )
  }
  const lines = ['Authorization', `Bearer ${await world.token('agent')}`, 'Content-Type', 'application/json']
  for (const body of ['{"name":"a","name":"b"}', '{"name":"a","__proto__":{"x":1}}', '', 'name=a']) {
    t.equal((await askRaw(gateway, '/v1/me', { method: 'PATCH', lines, body })).status, 400, body)
  }
  t.strictSame((await me('agent')).body, before)
})

// A key belongs to a tenant. It must not read or change a user.
t.test('401 the profile is for a user, never for a key', async (t) => {
  const none = await ask(gateway, '/v1/me')
  t.match(none, { status: 401, body: { code: 'authentication_required' } })
  t.notMatch(none.headers.get('www-authenticate'), /error=/)
  const headers = keyHeaders({ id: world.acme.id, key: world.acme.integration_key })
  t.equal((await ask(gateway, '/v1/me', { headers })).status, 401)
  t.equal((await ask(gateway, '/v1/me', { method: 'PATCH', headers, body: { name: 'x' } })).status, 401)
})
