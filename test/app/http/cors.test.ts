import { ORIGIN_REMEMBERED_MS } from '../../../src/app/http/cors.js'
import { everything, startInFront } from '../../features/upstreams/behind-gateway.js'
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

t.test('204 a preflight from an origin that CORS_ORIGINS or any tenant lists, also for an unknown path', async (t) => {
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
        'if-none-match',
        'last-event-id',
      ])
        t.ok(names.includes(name), name)
      t.notOk(names.includes('x-evil'), 'a requested header that is not in the list')
    }
  }
})

// Attack: any web page reads the responses that the browser of a logged-in user gets. The page counts on a server that
// reflects the Origin header, or that sends a wildcard or null.
t.test(
  'the gateway allows no unlisted origin in any spelling, and it never sends Access-Control-Allow-Credentials',
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
        t.equal(each.get('vary'), 'Origin', 'a cache must not serve the response for another origin')
      }
    }
    for (const origin of ['https://acme.example', CONFIGURED]) {
      for (const { headers } of [await preflight(origin), await ask(gateway, '/livez', { headers: { origin } })]) {
        t.not(headers.get('access-control-allow-origin'), '*')
        t.notOk(headers.has('access-control-allow-credentials'))
      }
    }
    const silent = await ask(gateway, '/livez')
    t.notOk(silent.headers.has('access-control-allow-origin'), 'a request without Origin')
    t.equal(silent.headers.get('vary'), 'Origin')
  },
)

t.test('a page of a listed origin may read every response, also a refusal, and the exposed headers', async (t) => {
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
    const names = ['Retry-After', 'RateLimit', 'RateLimit-Policy', 'X-Request-ID', 'Link', 'ETag', 'Location']
    for (const name of [...names, 'Idempotency-Replayed', 'Deprecation', 'Sunset', 'Content-Disposition'])
      t.ok(exposed.includes(name), name)
  }
})

t.test('204 a page may send and read the headers that pass to and from an upstream, on its paths only', async (t) => {
  const upstream = everything('http://127.0.0.1:9', { headers: { request: ['x-custom'], response: ['x-total-count'] } })
  const other = await startInFront(t, [upstream], { on: gateway.test_database })
  const origin = 'https://acme.example'
  const namesOf = async (path: string) => {
    const { headers } = await preflight(origin, path, other)
    const list = (name: string) => (headers.get(name) ?? '').toLowerCase().split(', ')
    return { allowed: list('access-control-allow-headers'), exposed: list('access-control-expose-headers') }
  }
  const there = await namesOf('/hostile/items?page=2')
  for (const name of ['x-custom', 'range', 'prefer', 'if-none-match', 'last-event-id', 'authorization', 'x-tenant-id'])
    t.ok(there.allowed.includes(name), name)
  for (const name of ['x-total-count', 'content-range', 'location', 'retry-after', 'preference-applied'])
    t.ok(there.exposed.includes(name), name)
  for (const path of ['/v1/customers', '/hostiles/items']) {
    const here = await namesOf(path)
    t.notOk(here.allowed.includes('x-custom') || here.exposed.includes('x-total-count'), path)
  }
  t.equal(new Set(there.allowed).size, there.allowed.length, 'no name twice')
})

// Attack: a preflight succeeds for the pages of all tenants. A page of one tenant then sends a request to another tenant.
t.test('403 a request from an origin that the named tenant does not list, even after a 204 preflight', async (t) => {
  for (const origin of ['https://globex.example', CONFIGURED]) {
    t.equal((await preflight(origin)).status, 204)
    const answer = await ask(gateway, '/v1/customers', { headers: { ...integration, origin } })
    expectProblem(t, answer, 403, 'origin_not_allowed', origin)
  }
})

t.test('a changed list of origins holds for the next request, and for preflights after at most 5 s', async (t) => {
  t.equal(ORIGIN_REMEMBERED_MS, 5000)
  const origin = 'https://new.example'
  const request = async () => (await ask(gateway, '/v1/access', { headers: { ...keyHeaders(globex), origin } })).status
  t.equal(await allowed(origin), null)
  await list(globex.id, [origin])
  t.equal(await request(), 200, 'the next request after the origin was added')
  gateway.clock.advance(2500)
  t.equal(await allowed(origin), null, 'the cached list is 2.5 s old')
  gateway.clock.advance(2500)
  t.equal(await allowed(origin), origin, 'the cached list has expired after 5 s')
  await list(globex.id, [])
  t.equal(await request(), 403, 'the next request after the origin was removed')
  gateway.clock.advance(2500)
  t.equal(await allowed(origin), origin)
  gateway.clock.advance(2500)
  t.equal(await allowed(origin), null)
})

t.test('the gateway allows no origin of a deleted or suspended tenant, or of one whose trial has ended', async (t) => {
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
  t.equal(await allowed(origin), origin, 'the end time of the suspension has passed')
  await gateway.sql(`update tenants set trial_ends_at = created_at where id = '${tenant.id}'`)
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.equal(await allowed(origin), null, 'the trial has ended')
  await gateway.sql(`update tenants set trial_ends_at = null where id = '${tenant.id}'`)
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.equal(await allowed(origin), origin)
  await gateway.sql(`update tenants set deleted_at = now() where id = '${tenant.id}'`)
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.equal(await allowed(origin), null, 'deleted')
})

// Attack: a client without credentials floods the gateway with preflights, which each cost a query.
t.test('429 preflights count against the budget of the client address', async (t) => {
  const small = await startGateway({ on: gateway.test_database, env: { BUDGET_ADDRESS: '1/60' } })
  t.teardown(() => small.close())
  t.equal((await preflight('https://acme.example', '/v1/customers', small)).status, 204)
  expectProblem(t, await preflight('https://acme.example', '/v1/customers', small), 429, 'rate_limited')
})
