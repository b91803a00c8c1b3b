import { startGateway } from '../../helpers/gateway.js'
import { ask, askRaw } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'
import { head, sendBytes } from '../http/raw-socket.js'
import { budgetOf, expectProblem } from './expect-problem.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const numbered = (count: number) => Array.from({ length: count }, (_, position) => `X-${position}: a`)

// Attack: the client sends so many header lines that Node silently drops the later ones, with the header that decides.
t.test('431 more than 100 header lines, on every route', async (t) => {
  const fitting = await sendBytes(gateway, head('GET /livez HTTP/1.1', 'Host: x', ...numbered(99)))
  t.equal(fitting.status, 200, '100 lines pass')
  for (const path of ['/livez', '/v1/customers', '/nowhere']) {
    const answer = await sendBytes(gateway, head(`GET ${path} HTTP/1.1`, 'Host: x', ...numbered(100)))
    expectProblem(t, answer, 431, 'headers_too_large', `101 lines to ${path}`)
  }
  const many = await sendBytes(gateway, head('GET /livez HTTP/1.1', 'Host: x', ...numbered(1200)))
  expectProblem(t, many, 431, 'headers_too_large', '1201 lines')
})

// Attack: hides a second request in the body of a GET. A server or proxy that ignores the body reads it as a request.
t.test('400 a body of GET or HEAD, on every route', async (t) => {
  for (const path of ['/livez', '/v1/customers', '/nowhere']) {
    for (const framing of ['Content-Length: 3', 'Transfer-Encoding: chunked']) {
      const answer = await sendBytes(gateway, `${head(`GET ${path} HTTP/1.1`, 'Host: x', framing)}1\r\n`)
      expectProblem(t, answer, 400, 'malformed_request', `${framing} to ${path}`)
    }
  }
  const empty = await sendBytes(gateway, head('GET /livez HTTP/1.1', 'Host: x', 'Content-Length: 0'))
  t.equal(empty.status, 200, 'an empty body')
})

// Attack: the client sends a header twice. A proxy checks the first line, and the gateway uses the second.
t.test('400 a second line of a header that identifies the caller or the host', async (t) => {
  const { authorization, ...tenant } = await world.as('owner')
  const good = Object.entries({ ...tenant, authorization, host: 'gateway.test' })
  for (const [name, value] of good as [string, string][]) {
    const upper = name.toUpperCase()
    for (const [first, second] of [
      [name, name],
      [name, upper],
      [upper, name],
    ] as [string, string][]) {
      const others = good.filter(([other]) => other !== name).flat() as string[]
      const answer = await askRaw(gateway, '/v1/customers', { lines: [first, value, ...others, second, value] })
      expectProblem(t, answer, 400, 'duplicate_header', `${first} and ${second}`)
    }
    const single = await askRaw(gateway, '/v1/customers', { lines: good.flat() as string[] })
    t.equal(single.status, 200, 'each header once')
    for (const path of ['/livez', '/nowhere', '/docs']) {
      const lines = [name, value, name, 'another']
      expectProblem(t, await askRaw(gateway, path, { lines }), 400, 'duplicate_header', `${name} to ${path}`)
    }
  }
})

// Each proxy on the way logs URLs. A credential in a URL has leaked, so the gateway refuses it and the client notices.
t.test('400 a credential in the URL, and neither the log nor the response holds it', async (t) => {
  const token = await world.token('owner')
  const urls = [
    `/v1/customers?search=${world.acme.key}`,
    `/v1/customers/${world.acme.key}`,
    `/v1/me?access_token=${token}`,
    `/v1/me?x=${token}`,
    '/v1/me?a=1&api_key=planted-secret-1',
    '/v1/me?x-tenant-api-key=planted-secret-1',
    '/v1/auth/login?password=planted-secret-1',
    '/nowhere?refresh_token=planted-secret-1',
    '/%zz?access_token=planted-secret-1',
  ]
  for (const url of urls) {
    const answer = await askRaw(gateway, url, { lines: Object.entries(await world.as('owner')).flat() })
    expectProblem(t, answer, 400, 'credentials_in_url', url.slice(0, 30))
    for (const secret of ['planted-secret-1', token, world.acme.key]) t.notOk(answer.text.includes(secret))
  }
  const log = gateway.lines.join('')
  for (const secret of ['planted-secret-1', token, world.acme.key]) t.notOk(log.includes(secret), 'not in the log')
  t.match(log, 'credentials_in_url', 'the refusals in the log')
})

// Attack: a client floods the gateway from one address, with and without credentials, on known and unknown routes.
t.test('429 over the budget of the address, on every route', async (t) => {
  const small = await startGateway({ on: gateway.test_database, env: { BUDGET_ADDRESS: '6/60' } })
  t.teardown(() => small.close())
  const good = keyHeaders({ id: world.acme.id, key: world.acme.integration_key })
  const first = await ask(small, '/v1/customers', { headers: good })
  t.equal(first.status, 200)
  t.match(budgetOf(first, 'address'), { quota: 6, window: 60, left: 5, reset: 60 })
  await ask(small, '/nowhere')
  await ask(small, '/v1/customers', { method: 'OPTIONS', headers: { origin: 'https://acme.example' } })
  await ask(small, '/livez', { method: 'DELETE' })
  await ask(small, '/openapi.json', { method: 'HEAD' })
  t.equal((await sendBytes(small, head('GET /openapi.json HTTP/1.1', 'Host: x', 'Expect: tea'))).status, 200)
  for (const path of ['/v1/customers', '/openapi.json', '/nowhere', '/docs']) {
    const answer = await ask(small, path, { headers: good })
    expectProblem(t, answer, 429, 'rate_limited', path)
    t.same(answer.body.violated_policies, ['address'])
    t.equal(budgetOf(answer, 'address').left, 0)
    t.equal(answer.headers.get('retry-after'), String(budgetOf(answer, 'address').reset))
  }
  // Attack: the client is over its budget and sends requests that are expensive to check. The budget comes first.
  const crowded = head('GET /docs HTTP/1.1', 'Host: x', ...numbered(100))
  expectProblem(t, await sendBytes(small, crowded), 429, 'rate_limited', 'too many headers')
  expectProblem(t, await sendBytes(small, head('GET /%zz HTTP/1.1', 'Host: x')), 429, 'rate_limited')
  const doubled = await askRaw(small, '/docs', { lines: ['X-Tenant-ID', 'a', 'X-TENANT-ID', 'a'] })
  expectProblem(t, doubled, 429, 'rate_limited', 'duplicate headers')

  // A probe must not restart a gateway because another client of its address is over the budget.
  for (const path of ['/livez', '/readyz', '/.well-known/jwks.json']) {
    const answer = await ask(small, path)
    t.match(answer, { status: 200 }, path)
    t.equal(answer.headers.get('ratelimit'), null, path)
  }
  small.clock.advance(60_000)
  t.equal((await ask(small, '/v1/customers', { headers: good })).status, 200, 'a new window')
})
