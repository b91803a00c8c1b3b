import { ALL_PRIVILEGES } from '../../../src/contract/scopes.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, type Person } from '../../helpers/world.js'
import { budgetOf, expectProblem } from './expect-problem.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex } = world
const challenge = (scope: string) => `Bearer realm="gateway", error="insufficient_scope", scope="${scope}"`

// Attack: a user who is no member of the tenant sends a valid key of it.
t.test('403 a user who is no active member, even with a valid key', async (t) => {
  const integration = { id: acme.id, key: acme.integration_key }
  for (const person of ['stranger', 'pending', 'disabled', 'other_owner', 'operator'] as Person[]) {
    for (const path of ['/v1/customers', '/v1/access']) {
      const answer = await ask(gateway, path, { headers: await world.as(person, integration) })
      expectProblem(t, answer, 403, 'tenant_access_denied', `${person} on ${path}`)
      t.notOk(answer.headers.has('www-authenticate'))
    }
    for (const path of [`/v1/tenants/${acme.id}`, `/v1/tenants/${acme.id}/keys`, `/v1/tenants/${acme.id}/members`]) {
      const answer = await ask(gateway, path, { headers: await world.bearer(person) })
      expectProblem(t, answer, 403, 'tenant_access_denied', `${person} on ${path}`)
    }
  }
})

// Attack: the client tries ids to learn which tenants exist.
t.test('403 an unknown tenant gets the response of a tenant of which the caller is no member', async (t) => {
  const headers = await world.bearer('owner')
  const seen = new Set<string>()
  const deleted = '019a0000-0000-7000-8000-00000000dead'
  await gateway.sql(
    `insert into tenants (id, name, created_at, deleted_at) values ('${deleted}', 'Gone', now(), now())`,
  )
  for (const id of [globex.id, deleted, '019a0000-0000-7000-8000-000000000000', 'x', '%00', '..%2f', '*', 'me']) {
    const answer = await ask(gateway, `/v1/tenants/${id}/keys`, { headers })
    expectProblem(t, answer, 403, 'tenant_access_denied', id)
    seen.add(answer.text.replace(answer.body.request_id, ''))
  }
  t.equal(seen.size, 1)
})

t.test('403 with the missing scope, the roles that grant it, and the challenge of RFC 6750', async (t) => {
  const analyst = await ask(gateway, '/v1/customers', { headers: await world.as('analyst') })
  expectProblem(t, analyst, 403, 'insufficient_scope')
  t.match(analyst.body, {
    required: ['conversations:view'],
    missing: ['conversations:view'],
    principal: { kind: 'user', id: world.ids.analyst },
    denied_by_override: [],
    granted_by_roles: ['Owner', 'Admin', 'Support Lead', 'Agent'],
  })
  t.equal(analyst.headers.get('www-authenticate'), challenge('conversations:view'))

  const key = await ask(gateway, '/v1/customers', { headers: keyHeaders(acme) })
  expectProblem(t, key, 403, 'insufficient_scope')
  t.match(key.body, { principal: { kind: 'key', id: acme.key.slice(4, 16) } })
  t.match(key.body.detail, /No user is signed in.*no such scope/)
  t.equal(key.headers.get('www-authenticate'), challenge('conversations:view'))

  const member = await ask(gateway, `/v1/tenants/${acme.id}/keys`, { headers: await world.bearer('agent') })
  expectProblem(t, member, 403, 'insufficient_scope')
  t.match(member.body, { required: ['keys:manage'], granted_by_roles: ['Owner', 'Admin'] })
})

// Attack: a user without a scope sends a key that has it, so that the gateway adds the scopes of both.
t.test('403 the key never adds scopes to its user, and a deny override also holds for the Owner', async (t) => {
  const integration = { id: acme.id, key: acme.integration_key }
  const analyst = await ask(gateway, '/v1/customers', { headers: await world.as('analyst', integration) })
  expectProblem(t, analyst, 403, 'insufficient_scope')
  t.equal(analyst.body.principal.kind, 'user')

  t.equal((await ask(gateway, '/v1/customers', { headers: await world.as('owner') })).status, 200)
  await gateway.sql(`insert into overrides (tenant_id, user_id, scope, effect, reason, created_at)
    values ('${acme.id}', '${world.ids.owner}', 'conversations:view', 'deny', 'test', now())`)
  const denied = await ask(gateway, '/v1/customers', { headers: await world.as('owner', integration) })
  expectProblem(t, denied, 403, 'insufficient_scope')
  t.same(denied.body.denied_by_override, ['conversations:view'])
  t.match(denied.body.detail, /override/)
})

// Attack: the Owner of a tenant calls the platform, and an operator calls a tenant.
t.test('403 an Owner has no access to the platform, and an operator has no access to a tenant', async (t) => {
  const platform = ['/v1/platform/tenants', `/v1/platform/tenants/${acme.id}`, '/v1/platform/users']
  for (const person of ['owner', 'admin', 'stranger'] as Person[]) {
    for (const path of platform) {
      for (const headers of [await world.bearer(person), await world.as(person)]) {
        expectProblem(t, await ask(gateway, path, { headers }), 403, 'platform_access_denied', `${person} on ${path}`)
      }
    }
  }
  const key_alone = await ask(gateway, platform[0] as string, { headers: keyHeaders(acme) })
  expectProblem(t, key_alone, 401, 'authentication_required', 'a tenant key on the platform')

  const operator = await world.bearer('operator')
  for (const path of platform) t.equal((await ask(gateway, path, { headers: operator })).status, 200, path)
  const with_key = { ...operator, ...keyHeaders({ id: acme.id, key: acme.integration_key }) }
  expectProblem(t, await ask(gateway, '/v1/customers', { headers: with_key }), 403, 'tenant_access_denied')
  expectProblem(t, await ask(gateway, `/v1/tenants/${acme.id}`, { headers: operator }), 403, 'tenant_access_denied')
})

t.test('403 an operator without the required privilege, although all other privileges are present', async (t) => {
  const privileges = (list: readonly string[]) =>
    gateway.sql(`update operators set privileges = '{${list}}' where user_id = '${world.ids.operator}'`)
  const headers = await world.bearer('operator')
  const path = `/v1/platform/tenants/${acme.id}/suspend`
  await privileges(ALL_PRIVILEGES.filter((each) => each !== 'platform:tenants:manage'))
  const answer = await ask(gateway, path, { headers, body: { reason: 'test' } })
  expectProblem(t, answer, 403, 'platform_access_denied')
  t.same([answer.body.required, answer.body.missing], [['platform:tenants:manage'], ['platform:tenants:manage']])
  await privileges([])
  expectProblem(t, await ask(gateway, '/v1/platform/users', { headers }), 403, 'platform_access_denied')
  await privileges(ALL_PRIVILEGES)
  t.equal((await ask(gateway, '/v1/platform/users', { headers })).status, 200)
})

t.test('429 the budget of an operator, which counts only operator routes', async (t) => {
  const small = await startGateway({ on: gateway.test_database, env: { BUDGET_OPERATOR: '2/60' } })
  t.teardown(() => small.close())
  const access = async (person: Person) => {
    const body = { email: `${person}@people.example`, password: 'quartz-lantern-meadow-47' }
    return { authorization: `Bearer ${(await ask(small, '/v1/auth/login', { body })).body.access}` }
  }
  const [operator, owner] = [await access('operator'), await access('owner')]
  const first = await ask(small, '/v1/platform/users', { headers: operator })
  t.match(budgetOf(first, 'operator'), { quota: 2, window: 60, left: 1 })
  await ask(small, '/v1/platform/users', { headers: operator })
  const over = await ask(small, '/v1/platform/users', { headers: operator })
  expectProblem(t, over, 429, 'rate_limited')
  t.same(over.body.violated_policies, ['operator'])
  t.equal((await ask(small, '/v1/me', { headers: operator })).status, 200, 'another route')
  expectProblem(t, await ask(small, '/v1/platform/users', { headers: owner }), 403, 'platform_access_denied')
})
