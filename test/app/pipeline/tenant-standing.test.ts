import { PUBLIC_URL, startGateway, type TestGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'
import { budgetOf, expectProblem } from './expect-problem.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex } = world
const MINUTE_MS = 60_000
const integration = { id: acme.id, key: acme.integration_key }
const customers = (headers: Record<string, string>, on: Pick<TestGateway, 'url'> = gateway) =>
  ask(on, '/v1/customers', { headers })

t.test('403 tenant_suspended for a valid key of a suspended tenant, until the suspension ends', async (t) => {
  const suspend = (until?: string) =>
    world.platform.write('tenant.suspended', (store) => store.platform_tenants.suspend(acme.id, 'unpaid', until))
  const activate = () => world.platform.write('tenant.activated', (store) => store.platform_tenants.activate(acme.id))
  t.equal((await customers(keyHeaders(integration))).status, 200)

  await suspend()
  expectProblem(t, await customers(keyHeaders(integration)), 403, 'tenant_suspended', 'without end')
  t.match((await customers(keyHeaders(integration))).text, /unpaid/, 'a key with scopes reads the reason')
  t.notMatch((await customers(keyHeaders(acme))).text, /unpaid/, 'a key without scopes can be public')
  const member = await ask(gateway, `/v1/tenants/${acme.id}`, { headers: await world.bearer('owner') })
  expectProblem(t, member, 403, 'tenant_suspended', 'a member in the management plane')
  t.equal((await customers(keyHeaders(globex))).body.code, 'insufficient_scope', 'the other tenant is not suspended')
  const wrong = await customers(keyHeaders({ id: acme.id, key: globex.key }))
  expectProblem(t, wrong, 401, 'invalid_tenant_credentials', 'a wrong key does not reveal the suspension')
  await activate()
  t.equal((await customers(keyHeaders(integration))).status, 200, 'the next request after the activation')

  await suspend(new Date(gateway.clock.now() + 10 * MINUTE_MS).toISOString())
  expectProblem(t, await customers(keyHeaders(integration)), 403, 'tenant_suspended', 'with an end')
  gateway.clock.advance(10 * MINUTE_MS)
  t.equal((await customers(keyHeaders(integration))).status, 200, 'the end time has passed')
  await activate()
})

t.test('403 a tenant whose trial has ended is suspended without an operator', async (t) => {
  const until = (at_ms: number) =>
    gateway.sql(`update tenants set trial_ends_at = '${new Date(at_ms).toISOString()}' where id = '${acme.id}'`)
  await until(gateway.clock.now() + 5 * MINUTE_MS)
  t.equal((await customers(keyHeaders(integration))).status, 200)
  gateway.clock.advance(5 * MINUTE_MS)
  expectProblem(t, await customers(keyHeaders(integration)), 403, 'tenant_suspended')
  await gateway.sql(`update tenants set trial_ends_at = null where id = '${acme.id}'`)
})

t.test(
  '200 201 a page of the gateway itself, such as its API reference, needs no entry in allowed_origins',
  async (t) => {
    const headers = { ...(await world.as('owner')), origin: PUBLIC_URL }
    t.equal((await customers(headers)).status, 200)
    const created = await ask(gateway, '/v1/customers', { headers, body: { name: 'From the API reference' } })
    t.equal(created.status, 201)
    for (const origin of [`${PUBLIC_URL}.evil.example`, `${PUBLIC_URL}:8080`, PUBLIC_URL.replace('http:', 'https:')]) {
      expectProblem(t, await customers({ ...headers, origin }), 403, 'origin_not_allowed', origin)
    }
  },
)

// Attack: an attacker uses a leaked key from another network.
t.test('403 a key with allowed networks from an address outside of them', async (t) => {
  const limited = async (...allowed_cidrs: string[]) => {
    const { key } = await acme.store.write('tenant_key.created', (store) =>
      store.keys.create({ name: 'Limited', scopes: ['conversations:view'], allowed_cidrs }),
    )
    return customers(keyHeaders({ id: acme.id, key }))
  }
  for (const inside of [['127.0.0.1/32'], ['127.0.0.0/8'], ['0.0.0.0/0'], ['10.0.0.0/8', '127.0.0.1/32']]) {
    t.equal((await limited(...inside)).status, 200, inside.join())
  }
  for (const outside of [['127.0.0.2/32'], ['10.0.0.0/8'], ['::1/128'], ['::/0'], ['2001:db8::/32']]) {
    expectProblem(t, await limited(...outside), 403, 'address_not_allowed', outside.join())
  }
})

t.test('200 the address of an IPv4 client on a dual-stack socket is its IPv4 address', async (t) => {
  const both = await startGateway({ on: gateway.test_database, env: { BUDGET_TENANT: '1000/60' } })
  t.teardown(() => both.close())
  // A socket that listens on :: reports IPv4 clients as ::ffff:127.0.0.1. A list of IPv4 networks must still match them.
  await new Promise<void>((resolve) => both.app.server.close(() => resolve()))
  await new Promise<void>((resolve) => both.app.server.listen({ host: '::', port: 0 }, resolve))
  const address = both.app.server.address() as { port: number }
  const url = `http://127.0.0.1:${address.port}`
  const key = async (network: string) => {
    const made = await acme.store.write('tenant_key.created', (store) =>
      store.keys.create({ name: 'Limited', scopes: ['conversations:view'], allowed_cidrs: [network] }),
    )
    return customers(keyHeaders({ id: acme.id, key: made.key }), { url })
  }
  t.equal((await key('127.0.0.1/32')).status, 200)
  expectProblem(t, await key('127.0.0.2/32'), 403, 'address_not_allowed')
  expectProblem(t, await key('::/0'), 403, 'address_not_allowed', 'an IPv6 network does not contain it')
})

// Attack: a foreign web page makes the browser of a logged-in user send requests.
t.test('403 a request from a page whose origin this tenant does not list', async (t) => {
  const from = (origin: string, tenant = integration) => customers({ ...keyHeaders(tenant), origin })
  const listed = await from('https://acme.example')
  t.equal(listed.status, 200)
  t.equal(listed.headers.get('access-control-allow-origin'), 'https://acme.example')
  const others = [
    'https://globex.example',
    'https://evil.example',
    'https://acme.example.evil.example',
    'https://sub.acme.example',
    'http://acme.example',
    'https://acme.example:8443',
    'https://ACME.example',
    'https://acme.example/',
    'null',
    '',
  ]
  for (const origin of others) expectProblem(t, await from(origin), 403, 'origin_not_allowed', origin)
  const with_user = await customers({ ...(await world.as('owner')), origin: 'https://globex.example' })
  expectProblem(t, with_user, 403, 'origin_not_allowed', 'a logged-in user')
})

t.test('429 the budgets of the key and of the tenant, and never 401', async (t) => {
  const small = await startGateway({ on: gateway.test_database, env: { BUDGET_TENANT: '4/60' } })
  t.teardown(() => small.close())
  const { key } = await globex.store.write('tenant_key.created', (store) =>
    store.keys.create({ name: 'Slow', scopes: ['conversations:view'], requests_per_minute: 2 }),
  )
  const slow = keyHeaders({ id: globex.id, key })
  const first = await customers(slow, small)
  t.equal(first.status, 200)
  t.match(budgetOf(first, 'key'), { quota: 2, window: 60, left: 1 })
  t.match(budgetOf(first, 'tenant'), { quota: 4, window: 60, left: 3 })
  t.equal((await customers(slow, small)).status, 200)
  const over_key = await customers(slow, small)
  expectProblem(t, over_key, 429, 'rate_limited', 'the key')
  t.same(over_key.body.violated_policies, ['key'])
  t.equal(over_key.headers.get('retry-after'), String(budgetOf(over_key, 'key').reset))
  t.notOk(over_key.headers.has('www-authenticate'))

  const other_key = keyHeaders(globex)
  t.equal((await customers(other_key, small)).status, 403, 'a refused key consumes no budget of the tenant')
  t.equal((await customers(other_key, small)).status, 403)
  const over_tenant = await customers(other_key, small)
  expectProblem(t, over_tenant, 429, 'rate_limited', 'the tenant')
  t.same(over_tenant.body.violated_policies, ['tenant'])
  t.equal(budgetOf(over_tenant, 'tenant').left, 0)
  t.equal((await customers(keyHeaders(integration), small)).status, 200, 'the other tenant has its own budget')

  await gateway.sql(`update tenants set requests_per_minute = 9 where id = '${globex.id}'`)
  t.match(budgetOf(await customers(other_key, small), 'tenant'), { quota: 9, left: 4 }, 'the plan of the tenant wins')
  small.clock.advance(MINUTE_MS)
  t.equal((await customers(slow, small)).status, 200, 'a new window')
})

t.test('429 BUDGET_KEY limits each key without its own budget', async (t) => {
  const small = await startGateway({ on: gateway.test_database, env: { BUDGET_KEY: '1/60' } })
  t.teardown(() => small.close())
  t.equal((await customers(keyHeaders(integration), small)).status, 200)
  expectProblem(t, await customers(keyHeaders(integration), small), 429, 'rate_limited')
  t.equal((await customers(keyHeaders(acme), small)).status, 403, 'another key has its own budget')
})
