import { ORIGIN_REMEMBERED_MS } from '../../../src/app/http/cors.js'
import { startGateway, type TestGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'
import { expectProblem } from '../pipeline/expect-problem.js'

const CONFIGURED = 'https://console.example'
const gateway = await startGateway({ env: { CORS_ORIGINS: `${CONFIGURED}, http://localhost:5173` } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex } = world
const integration = keyHeaders({ id: acme.id, key: acme.integration_key })

const preflight = (origin: string, path = '/v1/customers', on: TestGateway = gateway) =>
  ask(on, path, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'DELETE',
      'access-control-request-headers': 'authorization, x-tenant-id, x-evil',
    },
  })
const allowed = async (origin: string, path?: string) =>
  (await preflight(origin, path)).headers.get('access-control-allow-origin')
const list = (tenant_id: string, origins: string[]) =>
  gateway.sql(`update tenants set allowed_origins = '{${origins}}' where id = '${tenant_id}'`)

t.test('204 a preflight of an origin that some tenant or CORS_ORIGINS lists, with or without a route', async (t) => {
  for (const origin of ['https://acme.example', 'https://globex.example', CONFIGURED, 'http://localhost:5173']) {
    for (const path of ['/v1/customers', '/v1/auth/login', '/v1/platform/tenants', '/nowhere']) {
      const { status, text, headers } = await preflight(origin, path)
      t.same([status, text, headers.get('access-control-allow-origin')], [204, '', origin], `${origin} ${path}`)
      t.equal(headers.get('vary'), 'Origin')
      t.equal(headers.get('access-control-max-age'), '600')
      t.equal(headers.get('access-control-allow-methods'), 'GET, HEAD, POST, PUT, PATCH, DELETE')
      const names = (headers.get('access-control-allow-headers') ?? '').toLowerCase().split(', ')
      for (const name of [
        'authorization',
        'content-type',
        'x-tenant-id',
        'x-tenant-api-key',
        'x-request-id',
        'if-match',
      ])
        t.ok(names.includes(name), name)
      t.notOk(names.includes('x-evil'), 'what is asked for is not reflected')
    }
  }
})

// Attack: any page reads the answers that a signed-in person's browser gets (reflection, wildcard, null).
t.test(
  'an origin that nobody lists is not allowed, in no spelling, and nothing is ever allowed with credentials',
  async (t) => {
    const origins = [
      'https://evil.example',
      'null',
      '*',
      'https://acme.example.evil.example',
      'https://xacme.example',
      'https://sub.acme.example',
      'http://acme.example',
      'https://acme.example:444',
      'https://acme.example/',
      'HTTPS://ACME.EXAMPLE',
      'https://acme.example, https://evil.example',
      'file://',
      "https://acme.example' or '1'='1",
    ]
    for (const origin of origins) {
      const { headers, status } = await preflight(origin)
      t.equal(status, 405, origin)
      const answers = [headers, (await ask(gateway, '/livez', { headers: { origin } })).headers]
      answers.push((await ask(gateway, '/v1/customers', { headers: { ...integration, origin } })).headers)
      for (const each of answers) {
        t.same(
          [...each.keys()].filter((name) => name.startsWith('access-control-')),
          [],
          origin,
        )
        t.equal(each.get('vary'), 'Origin', 'a cache must not mix the answers')
      }
    }
    for (const origin of ['https://acme.example', CONFIGURED]) {
      for (const { headers } of [await preflight(origin), await ask(gateway, '/livez', { headers: { origin } })]) {
        t.not(headers.get('access-control-allow-origin'), '*')
        t.notOk(headers.has('access-control-allow-credentials'))
      }
    }
    const silent = await ask(gateway, '/livez')
    t.notOk(silent.headers.has('access-control-allow-origin'), 'nobody asked')
    t.equal(silent.headers.get('vary'), 'Origin')
  },
)

t.test('a page may read every answer, refusals too, and the headers that it needs', async (t) => {
  const origin = 'https://acme.example'
  const answers = [
    await ask(gateway, '/v1/customers', { headers: { ...integration, origin } }),
    await ask(gateway, '/v1/customers', { headers: { origin } }),
    await ask(gateway, '/v1/customers', { headers: { ...keyHeaders(acme), origin } }),
    await ask(gateway, '/nowhere', { headers: { origin } }),
    await ask(gateway, '/livez', { method: 'DELETE', headers: { origin } }),
  ]
  t.same(
    answers.map(({ status }) => status),
    [200, 401, 403, 404, 405],
  )
  for (const { headers, status } of answers) {
    t.equal(headers.get('access-control-allow-origin'), origin, String(status))
    const exposed = (headers.get('access-control-expose-headers') ?? '').split(', ')
    for (const name of ['Retry-After', 'RateLimit', 'RateLimit-Policy', 'X-Request-ID', 'Link', 'ETag'])
      t.ok(exposed.includes(name), name)
  }
})

// Attack: the preflight is answered for any tenant's page, so one tenant's page tries to act for another.
t.test('403 whatever the preflight said, the request is held to the list of the tenant that it names', async (t) => {
  for (const origin of ['https://globex.example', CONFIGURED]) {
    t.equal((await preflight(origin)).status, 204)
    const answer = await ask(gateway, '/v1/customers', { headers: { ...integration, origin } })
    expectProblem(t, answer, 403, 'origin_not_allowed', origin)
  }
})

t.test('a list that changed holds at once for requests, and within five seconds for preflights', async (t) => {
  t.equal(ORIGIN_REMEMBERED_MS, 5000)
  const origin = 'https://new.example'
  const request = async () => (await ask(gateway, '/v1/access', { headers: { ...keyHeaders(globex), origin } })).status
  t.equal(await allowed(origin), null)
  await list(globex.id, [origin])
  t.equal(await request(), 200, 'listed: the next request passes')
  gateway.clock.advance(2500)
  t.equal(await allowed(origin), null, 'the memory is used')
  gateway.clock.advance(2500)
  t.equal(await allowed(origin), origin, 'and no longer than it may be')
  await list(globex.id, [])
  t.equal(await request(), 403, 'no longer listed: the next request is refused')
  gateway.clock.advance(2500)
  t.equal(await allowed(origin), origin)
  gateway.clock.advance(2500)
  t.equal(await allowed(origin), null)
})

t.test('a tenant that is gone or suspended lists nothing', async (t) => {
  const origin = 'https://short-lived.example'
  const { tenant } = await world.platform.write('tenant.created', (store) =>
    store.tenants.create({ name: 'Short', owner_id: world.ids.owner, allowed_origins: [origin] }),
  )
  t.equal(await allowed(origin), origin)
  await world.platform.write('tenant.suspended', (store) =>
    store.platform_tenants.suspend(tenant.id, 'test', undefined),
  )
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.equal(await allowed(origin), null, 'suspended')
  await world.platform.write('tenant.activated', (store) => store.platform_tenants.activate(tenant.id))
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.equal(await allowed(origin), origin, 'active again')
  const until = new Date(gateway.clock.now() + 3_000).toISOString()
  await world.platform.write('tenant.suspended', (store) => store.platform_tenants.suspend(tenant.id, 'test', until))
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.equal(await allowed(origin), origin, 'the suspension has ended by itself')
  await gateway.sql(`update tenants set trial_ends_at = created_at where id = '${tenant.id}'`)
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.equal(await allowed(origin), null, 'the trial is over')
  await gateway.sql(`update tenants set trial_ends_at = null where id = '${tenant.id}'`)
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.equal(await allowed(origin), origin)
  await gateway.sql(`update tenants set deleted_at = now() where id = '${tenant.id}'`)
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.equal(await allowed(origin), null, 'deleted')
})

// Attack: preflights cost a look-up each, and need no credentials.
t.test('429 preflights spend the budget of the address, before anything is looked up', async (t) => {
  const small = await startGateway({ on: gateway.test_database, env: { BUDGET_ADDRESS: '1/60' } })
  t.teardown(() => small.close())
  t.equal((await preflight('https://acme.example', '/v1/customers', small)).status, 204)
  expectProblem(t, await preflight('https://acme.example', '/v1/customers', small), 429, 'rate_limited')
})
