import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'
import { freePort } from '../../process/gateway-process.js'

const METRICS_PORT = await freePort()
const gateway = await startGateway({ env: { METRICS_PORT, BUDGET_KEY: '3/60' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme } = world
const metrics_url = `http://127.0.0.1:${METRICS_PORT}`

/** The samples of the metrics page. The key is the name with its labels as the page writes them. */
async function samples(): Promise<Map<string, number>> {
  const response = await fetch(`${metrics_url}/metrics`)
  t.equal(response.status, 200)
  t.match(response.headers.get('content-type'), /^text\/plain; version=/)
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

/** Reads the page too. A client that leaves a large body unread does not notice the end of its connection. */
async function statusOf(url: string): Promise<number> {
  const response = await fetch(url)
  await response.text()
  return response.status
}

await ask(gateway, '/v1/access', { headers: keyHeaders(acme) })
await ask(gateway, '/v1/customers', { headers: keyHeaders(acme) })
await ask(gateway, `/v1/customers/${world.ids.agent}`, { headers: keyHeaders(acme) })
await ask(gateway, '/v1/access', { headers: keyHeaders(acme) })
await ask(gateway, '/v1/customers?secret=of-somebody', { headers: keyHeaders({ ...acme, key: 'wrong' }) })
for (const path of ['/v1/nowhere/a', '/v1/nowhere/b', '/%00', '/..%2f']) await ask(gateway, path)

t.test('the metrics cover requests by route template, refusals by code, budgets, pool and event loop', async (t) => {
  const page = await samples()
  const requests = (method: string, route: string, status: number) =>
    page.get(`gatehouse_requests_total{method="${method}",route="${route}",status="${status}"}`)
  t.equal(requests('GET', '/v1/access', 200), 1)
  t.equal(requests('GET', '/v1/access', 429), 1)
  t.equal(requests('GET', '/v1/customers', 403), 1)
  t.equal(requests('GET', '/v1/customers', 401), 1)
  t.equal(requests('GET', '/v1/customers/:id', 403), 1)
  t.equal(page.get('gatehouse_refusals_total{code="insufficient_scope"}'), 2)
  t.equal(page.get('gatehouse_refusals_total{code="invalid_tenant_credentials"}'), 1)
  t.equal(page.get('gatehouse_refusals_total{code="rate_limited"}'), 1)
  t.equal(page.get('gatehouse_budgets_exceeded_total{budget="key"}'), 1)
  const duration = 'gatehouse_request_duration_seconds'
  const of_access = 'method="GET",route="/v1/access"'
  t.equal(page.get(`${duration}_count{${of_access}}`), 2)
  t.ok((page.get(`${duration}_sum{${of_access}}`) ?? 0) > 0)
  t.equal(page.get(`${duration}_bucket{le="+Inf",${of_access}}`), 2)
  t.ok([...page.keys()].some((name) => name === `${duration}_bucket{le="0.1",${of_access}}`))
  t.ok((page.get('gatehouse_database_connections{state="busy"}') ?? -1) >= 0)
  t.ok((page.get('gatehouse_database_connections{state="waiting"}') ?? -1) >= 0)
  t.equal(page.get('gatehouse_database_up'), 1)
  t.equal(page.get('gatehouse_usage_dropped_total'), 0)
  for (const name of [
    'nodejs_eventloop_lag_seconds',
    'nodejs_eventloop_lag_p99_seconds',
    'process_cpu_seconds_total',
  ]) {
    t.ok(page.has(name), name)
  }
})

// Attack: a caller invents paths and keys, so that a label for each of them fills the memory. A reader of the metrics
// gets a list of the tenants.
t.test('no label holds a value that a caller chose, or a tenant, a key or a user', async (t) => {
  const names = [...(await samples()).keys()].filter((name) => name.startsWith('gatehouse_'))
  const labels = new Set(names.flatMap((name) => [...name.matchAll(/[{,]([a-z_]+)=/g)].map(([, label]) => label)))
  t.same([...labels].sort(), ['budget', 'code', 'kind', 'le', 'method', 'route', 'source', 'state', 'status'])
  const text = names.join('\n')
  for (const secret of [acme.id, acme.key.slice(4, 16), world.ids.agent, 'nowhere', 'of-somebody', 'ACMEMARK', '%']) {
    t.notOk(text.includes(secret), secret)
  }
  t.match(text, /route="\(none\)"/, 'one label for all unknown paths')
})

t.test('404 for every other path and method on the metrics port, and for /metrics on the gateway port', async (t) => {
  for (const [method, path] of [
    ['POST', '/metrics'],
    ['GET', '/'],
    ['GET', '/metrics/'],
    ['GET', '/v1/customers'],
    ['GET', '/metricsx?x=1'],
  ]) {
    t.equal((await fetch(metrics_url + path, { method: method as string })).status, 404, `${method} ${path}`)
  }
  t.equal((await ask(gateway, '/metrics')).status, 404, '/metrics on the gateway port')
})

t.test('200 the metrics page with parameters, and with HEAD', async (t) => {
  t.equal(await statusOf(`${metrics_url}/metrics?x=1`), 200)
  const head = await fetch(`${metrics_url}/metrics`, { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(await head.text(), '')
})

t.test('only a counter has a name that ends in _total, as Prometheus expects', async (t) => {
  const text = await (await fetch(`${metrics_url}/metrics`)).text()
  const types = [...text.matchAll(/^# TYPE (gatehouse_\S+_total) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`)
  t.ok(types.length > 2)
  t.same(
    types.filter((each) => !each.endsWith(' counter')),
    [],
  )
})

// Attack: an attacker who can reach the machine over the network reads the metrics.
t.test('the metrics port listens on loopback by default', async (t) => {
  const outer = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.internal === false && each.family === 'IPv4')
  t.match(
    gateway.lines.find((line) => line.includes('serving metrics')),
    /"address":"127\.0\.0\.1"/,
  )
  if (outer === undefined) return
  const socket = connect(Number(METRICS_PORT), outer.address)
  const [error] = await once(socket, 'error')
  t.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
})

t.test('without METRICS_PORT the gateway opens no metrics port, and closing the gateway closes the port', async (t) => {
  const without = await startGateway({ on: gateway.test_database })
  t.notOk(without.lines.some((line) => line.includes('serving metrics')))
  await without.close()
  const port = await freePort()
  const other = await startGateway({ on: gateway.test_database, env: { METRICS_PORT: port } })
  t.equal(await statusOf(`http://127.0.0.1:${port}/metrics`), 200)
  await other.close()
  await t.rejects(fetch(`http://127.0.0.1:${port}/metrics`))
})
