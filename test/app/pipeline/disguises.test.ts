import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'
import { budgetOf, expectProblem } from './expect-problem.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme } = world
const integration = keyHeaders({ id: acme.id, key: acme.integration_key })

/** The headers in which some server, proxy or framework accepts an address, host or protocol from the client. */
const ADDRESS_HEADERS = (address: string) => ({
  'x-forwarded-for': address,
  forwarded: `for=${address};proto=https;host=evil.example`,
  'x-real-ip': address,
  'x-client-ip': address,
  'true-client-ip': address,
  'cf-connecting-ip': address,
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '443',
  'x-forwarded-prefix': '/evil',
})

// Attack: the client sends HEAD to a route whose checks only consider GET.
t.test('HEAD gets the status, challenge and headers of GET, without the body', async (t) => {
  const { id } = await world.createCustomer()
  const callers: Record<string, string>[] = [
    {},
    keyHeaders(acme),
    keyHeaders({ ...acme, key: 'x' }),
    integration,
    { ...integration, authorization: 'Bearer bad' },
    { ...integration, origin: 'https://evil.example' },
    await world.as('analyst'),
    await world.as('stranger'),
    await world.as('owner'),
    await world.bearer('operator'),
  ]
  const paths = ['/v1/customers', `/v1/customers/${id}`, '/v1/access', '/v1/me', `/v1/tenants/${acme.id}/keys`]
  const statuses = new Set<number>()
  for (const path of [...paths, '/v1/platform/tenants', '/livez', '/nowhere', '/v1/auth/login', '/v1/me?unknown=1']) {
    for (const headers of callers) {
      const [get, head] = [await ask(gateway, path, { headers }), await ask(gateway, path, { method: 'HEAD', headers })]
      t.equal(head.status, get.status, `${path} ${Object.keys(headers)}`)
      t.equal(head.text, '')
      for (const name of ['www-authenticate', 'content-type', 'etag', 'allow']) {
        t.equal(head.headers.get(name), get.headers.get(name), name)
      }
      statuses.add(get.status)
    }
  }
  t.same([...statuses].sort(), [200, 400, 401, 403, 404, 405])
})

// Attack: the client sends GET with a method override. The checks consider GET, and the framework runs DELETE.
t.test('the gateway ignores a method override', async (t) => {
  const { id } = await world.createCustomer()
  const overrides = {
    'x-http-method-override': 'DELETE',
    'x-http-method': 'DELETE',
    'x-method-override': 'DELETE',
  }
  const headers = { ...(await world.as('owner')), ...overrides }
  t.equal((await ask(gateway, `/v1/customers/${id}`, { headers })).body.id, id, 'a GET stays a GET')
  const post = await ask(gateway, '/v1/customers', { headers, body: { name: 'A' } })
  t.equal(post.status, 201, 'a POST stays a POST')
  const query = await ask(gateway, `/v1/customers/${id}?_method=DELETE`, { headers })
  expectProblem(t, query, 400, 'validation_failed', 'in the query')
  expectProblem(t, await ask(gateway, `/v1/customers/${id}`, { method: 'POST', headers }), 405, 'method_not_allowed')
  t.equal((await ask(gateway, `/v1/customers/${id}`, { headers })).status, 200, 'the customer still exists')
})

// Attack: the client sends a second path in a header. The checks consider the open path, and the router serves the other.
t.test('the gateway ignores X-Original-URL and similar headers', async (t) => {
  const names = [
    'x-original-url',
    'x-rewrite-url',
    'x-original-uri',
    'x-forwarded-uri',
    'x-forwarded-path',
    'destination',
  ]
  const to = (path: string) => Object.fromEntries(names.map((name) => [name, path]))
  const livez = await ask(gateway, '/livez', { headers: to('/v1/platform/tenants') })
  t.same(livez.body, { status: 'ok' })
  const operator = { ...to('/livez'), host: 'evil.example' }
  expectProblem(t, await ask(gateway, '/v1/platform/tenants', { headers: operator }), 401, 'authentication_required')
  expectProblem(t, await ask(gateway, '/nowhere', { headers: to('/livez') }), 404, 'not_found')
})

// Attack: the client claims another address in each request, to avoid its budget and to match the networks of a key.
t.test('the gateway ignores X-Forwarded-* from a peer that is no trusted proxy', async (t) => {
  for (const env of [{}, { TRUST_PROXY: '10.0.0.1,192.168.0.0/16' }] as Record<string, string>[]) {
    const small = await startGateway({ on: gateway.test_database, env: { ...env, BUDGET_ADDRESS: '6/60' } })
    t.teardown(() => small.close())
    const { key } = await acme.store.write('tenant_key.created', (store) =>
      store.keys.create({ name: 'Office', scopes: ['conversations:view'], allowed_cidrs: ['203.0.113.0/24'] }),
    )
    const office = keyHeaders({ id: acme.id, key })
    const fooled = await ask(small, '/v1/customers', { headers: { ...office, ...ADDRESS_HEADERS('203.0.113.7') } })
    expectProblem(t, fooled, 403, 'address_not_allowed')
    t.notOk(fooled.headers.has('strict-transport-security'))
    t.notMatch(fooled.text, /evil/)
    for (let count = 2; count <= 6; count += 1) {
      const answer = await ask(small, '/problems/not_found', { headers: ADDRESS_HEADERS(`198.51.100.${count}`) })
      t.equal(budgetOf(answer, 'address').left, 6 - count, 'one budget, with any headers')
    }
    expectProblem(
      t,
      await ask(small, '/problems/not_found', { headers: ADDRESS_HEADERS('198.51.100.9') }),
      429,
      'rate_limited',
    )
    const lines = small.lines.map((line) => JSON.parse(line).req?.address).filter((address) => address !== undefined)
    t.same([...new Set(lines)], ['127.0.0.1'], 'the address in the log is that of the peer')
  }
})

t.test('200 the gateway uses the address that a trusted proxy added, and ignores what the client sent', async (t) => {
  const behind = await startGateway({
    on: gateway.test_database,
    env: { TRUST_PROXY: '127.0.0.1, 10.0.0.0/8', BUDGET_ADDRESS: '2/60' },
  })
  t.teardown(() => behind.close())
  const left = async (forwarded: string, path = '/problems/not_found') =>
    budgetOf(await ask(behind, path, { headers: { 'x-forwarded-for': forwarded } }), 'address').left
  t.equal(await left('203.0.113.7'), 1)
  t.equal(await left('203.0.113.7'), 0)
  t.equal(await left('203.0.113.8'), 1, 'each client has a budget')
  // Attack: the client sends the header, and the proxy appends to it. The right-most untrusted address counts.
  t.equal(await left('198.51.100.1, 203.0.113.8'), 0, 'the address that the client sent is ignored')
  t.equal(await left('198.51.100.2, 203.0.113.9, 10.1.2.3'), 1, 'a second trusted proxy is skipped')
  t.equal(await left('203.0.113.9'), 0)
  t.equal(await left('2001:db8:1:2::1'), 1)
  t.equal(await left('2001:db8:1:2:ffff::9'), 0, 'IPv6 by /64')
  t.equal(await left('2001:db8:1:3::1'), 1)
  t.equal(await left('::ffff:203.0.113.50'), 1)
  t.equal(await left('203.0.113.50'), 0, 'an IPv4-mapped IPv6 address')
  t.equal(await left('rubbish-1'), 1)
  t.equal(await left('rubbish-2'), 0, 'all malformed addresses share one budget')

  const { key } = await acme.store.write('tenant_key.created', (store) =>
    store.keys.create({ name: 'Office', scopes: ['conversations:view'], allowed_cidrs: ['192.0.2.0/24'] }),
  )
  const from = (forwarded: string) =>
    ask(behind, '/v1/customers', { headers: { ...keyHeaders({ id: acme.id, key }), 'x-forwarded-for': forwarded } })
  t.equal((await from('192.0.2.7')).status, 200)
  expectProblem(t, await from('192.0.2.8, 198.51.100.77'), 403, 'address_not_allowed', 'an address from the client')
  expectProblem(t, await from('rubbish'), 429, 'rate_limited')
})
