import { Breaker } from '../../../../src/features/upstreams/pool/breaker.js'
import { ask } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { buildWorld } from '../../../helpers/world.js'
import { freePort, until } from '../../../process/gateway-process.js'
import { startGatewayWith, startService, trainingManifest } from '../services.js'

const metrics_port = await freePort()
const gateway = await startGatewayWith(t, 'upstreams: []', { env: { METRICS_PORT: metrics_port } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const headers = await world.as('owner')
/** Writes and loads a manifest. */
const use = (manifest: string) => {
  gateway.write(manifest)
  gateway.upstreams?.reload()
}

t.test('a breaker opens after consecutive failures, allows one trial request, and closes if it succeeds', async (t) => {
  let now_ms = 0
  const clock = {
    advance(milliseconds: number) {
      now_ms += milliseconds
    },
  }
  const changes: string[] = []
  const breaker = new Breaker(
    { failures: 3, open_ms: 1_000 },
    () => now_ms,
    (state) => changes.push(state),
  )
  const pass = (ends: 'succeed' | 'fail' | 'leave') => {
    t.ok(breaker.isPassable())
    breaker.enter()
    if (ends === 'fail') breaker.fail({ kind: 'connection' })
    else breaker[ends]()
  }
  for (const ends of ['fail', 'fail', 'succeed', 'fail', 'fail'] as const) pass(ends)
  t.equal(breaker.state, 'closed', 'a success resets the count of failures')
  pass('fail')
  t.equal(breaker.state, 'open')
  t.notOk(breaker.isPassable())
  t.equal(breaker.retryMs(), 1_000)
  clock.advance(999)
  t.notOk(breaker.isPassable())
  clock.advance(1)
  breaker.enter()
  t.equal(breaker.state, 'half_open')
  t.notOk(breaker.isPassable(), 'only one trial request at a time')
  breaker.leave()
  t.ok(breaker.isPassable(), 'the client of the trial request disconnected, so the next request is the trial')
  pass('fail')
  t.equal(breaker.state, 'open')
  clock.advance(1_000)
  pass('succeed')
  t.equal(breaker.state, 'closed')
  t.same(changes, ['open', 'half_open', 'half_open', 'open', 'half_open', 'closed'])
})

// Attack: a tenant calls a slow route of the backend, so that its timeouts open the breaker for all tenants.
t.test('a breaker ignores timeouts of one tenant, and opens when half of the requests of two tenants fail', (t) => {
  let now_ms = 0
  const breakerOf = (failures = 3) =>
    new Breaker(
      { failures, open_ms: 1_000 },
      () => now_ms,
      () => undefined,
    )
  const failed = (breaker: Breaker, tenant_id: string, times: number) => {
    for (let count = 0; count < times; count += 1) breaker.fail({ kind: 'response', tenant_id })
  }
  const one_tenant = breakerOf()
  failed(one_tenant, 'a', 200)
  t.equal(one_tenant.state, 'closed', 'timeouts of one tenant')

  const few = breakerOf()
  failed(few, 'a', 9)
  failed(few, 'b', 10)
  t.equal(few.state, 'closed', '19 requests')
  failed(few, 'b', 1)
  t.equal(few.state, 'open', '20 requests of two tenants')

  const healthy = breakerOf()
  for (let count = 0; count < 21; count += 1) healthy.succeed()
  failed(healthy, 'a', 10)
  failed(healthy, 'b', 10)
  t.equal(healthy.state, 'closed', 'fewer than half failed')
  failed(healthy, 'b', 1)
  t.equal(healthy.state, 'open', 'half failed')

  const slow = breakerOf()
  failed(slow, 'a', 15)
  now_ms += 10_000
  failed(slow, 'b', 15)
  t.equal(slow.state, 'closed', 'another window')

  const strict = breakerOf(1_000)
  failed(strict, 'a', 500)
  failed(strict, 'b', 499)
  t.equal(strict.state, 'closed', 'fewer requests than the manifest sets')
  failed(strict, 'b', 1)
  t.equal(strict.state, 'open')
  t.end()
})

t.test('502, then 503 with Retry-After, then 200: the metric has the breaker state, the log the reason', async (t) => {
  const port = Number(await freePort())
  const more = '    retries: 0\n    breaker: { failures: 2, open_ms: 600000 }\n'
  use(trainingManifest(`http://127.0.0.1:${port}`, more))
  const get = () => ask(gateway, '/training/status', { headers })
  const state = async () => {
    const page = await (await fetch(`http://127.0.0.1:${metrics_port}/metrics`)).text()
    return /gatehouse_upstream_breaker_state\{[^}]*state="(\w+)"\} 1/.exec(page)?.[1]
  }
  t.equal(await state(), 'closed')
  t.match(await get(), { status: 502, body: { code: 'upstream_unreachable' } })
  t.match(await get(), { status: 502 })
  t.equal(await state(), 'open')
  const open = await get()
  t.match(open, { status: 503, body: { code: 'upstream_unavailable' } })
  t.match(open.headers.get('retry-after'), /^(59\d|600|[1-5]\d\d)$/)
  t.notMatch(open.text, String(port), 'the response does not reveal the port of the upstream')
  t.ok(
    gateway.lines.some((line) => line.includes('ECONNREFUSED')),
    'the log contains the reason',
  )
  gateway.clock.advance(600_000)
  t.match(await get(), { status: 502 }, 'the trial request')
  t.match(await get(), { status: 503 })
  gateway.clock.advance(600_000)
  const service = await startService(undefined, port)
  t.match(await get(), { status: 200 })
  t.equal(await state(), 'closed')
  t.match(await get(), { status: 200 })
  const page = await (await fetch(`http://127.0.0.1:${metrics_port}/metrics`)).text()
  t.match(page, /gatehouse_upstream_requests_total\{upstream="training",outcome="failed"\} 3/)
  t.match(page, /gatehouse_upstream_requests_total\{upstream="training",outcome="unavailable"\} 2/)
  t.match(page, /gatehouse_upstream_breaker_changes_total\{[^}]*state="half_open"\} 2/)
  await service.close()
})

t.test('every response of an upstream passes, whatever its status, and does not count as a failure', async (t) => {
  const service = await startService((request, response) => {
    response.statusCode = Number(request.url?.slice('/sessions/'.length))
    response.setHeader('content-type', 'application/json')
    request.resume().on('end', () => response.end('{"of":"the upstream"}'))
  })
  const more = '    breaker: { failures: 1, open_ms: 600000 }\n'
  use(trainingManifest(service.origin, more))
  for (const status of [500, 503, 404, 401, 302, 418, 599, 204]) {
    const answer = await ask(gateway, `/training/sessions/${status}`, { headers })
    t.equal(answer.status, status)
    if (status !== 204) t.same(answer.body, { of: 'the upstream' })
    t.equal(answer.headers.get('www-authenticate'), null)
  }
  await service.close()
})

t.test('200 an origin that refuses connections received nothing, so any request goes to the next origin', async (t) => {
  const dead = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
  const service = await startService()
  const more = '    retries: 0\n    breaker: { failures: 1000 }\n'
  use(trainingManifest([...dead, service.origin], more))
  const body = { epochs: 3 }
  for (let round = 0; round < 6; round += 1) {
    t.equal((await ask(gateway, '/training/status', { headers })).status, 200)
    t.equal((await ask(gateway, '/training/sessions/x', { method: 'DELETE', headers })).status, 200)
    const posted = await ask(gateway, '/training/start', { headers, body })
    t.match(posted, { status: 200, body: { method: 'POST', body: JSON.stringify(body) } })
    t.equal((await ask(gateway, '/training/start', { method: 'POST', headers })).status, 200)
  }
  t.equal(service.asked.length, 24, 'each request arrives once')
  await service.close()
})

t.test('200 a trial request of the breaker that fails goes to the next origin too', async (t) => {
  const dead = `http://127.0.0.1:${await freePort()}`
  const service = await startService()
  use(trainingManifest([dead, service.origin], '    retries: 0\n    breaker: { failures: 1, open_ms: 1000 }\n'))
  for (let round = 0; round < 4; round += 1) {
    t.equal((await ask(gateway, '/training/start', { headers, body: {} })).status, 200)
    t.equal((await ask(gateway, '/training/start', { headers, body: {} })).status, 200)
    gateway.clock.advance(1000)
  }
  await service.close()
})

t.test(
  'a connection that breaks before the response is retried up to retries; a request with a body is never sent again',
  async (t) => {
    const service = await startService((request) => request.socket.destroy())
    use(trainingManifest(service.origin, '    retries: 2\n    breaker: { failures: 1000 }\n'))
    const count = async (path: string, method: string, body?: unknown) => {
      service.asked.length = 0
      const answer = await ask(gateway, path, { method, headers, body })
      t.match(answer, { status: 502, body: { code: 'upstream_bad_answer' } })
      return service.asked.length
    }
    t.equal(await count('/training/status', 'GET'), 3)
    t.equal(await count('/training/sessions/x', 'DELETE'), 3)
    t.equal(await count('/training/start', 'POST', {}), 1)
    t.equal(await count('/training/files/x', 'PUT', { a: 1 }), 1)
    await service.close()
  },
)

t.test('504 an upstream sends no response in time; the gateway does not retry', async (t) => {
  const service = await startService((request) => void request.resume())
  use(trainingManifest(service.origin, '    timeout_ms: 200\n'))
  t.match(await ask(gateway, '/training/status', { headers }), { status: 504, body: { code: 'upstream_timeout' } })
  t.equal(service.asked.length, 1)
  await service.close()
})

t.test('an origin whose health check fails gets no requests until it is healthy again', async (t) => {
  let is_well = false
  const service = await startService((request, response) => {
    if (request.url === '/health') response.statusCode = is_well ? 200 : 500
    request.resume().on('end', () => response.end('{}'))
  })
  const more = '    health: { path: /health, interval_ms: 100, timeout_ms: 5000, failures: 1 }\n'
  use(trainingManifest(service.origin, more))
  const status = async () => (await ask(gateway, '/training/status', { headers })).status
  await until(async () => (await status()) === 503)
  const refused = await ask(gateway, '/training/status', { headers })
  t.match(refused, { status: 503, body: { code: 'upstream_unavailable' } })
  t.match(refused.headers.get('retry-after'), /^[1-9]\d*$/)
  is_well = true
  await until(async () => (await status()) === 200)
  t.ok(gateway.lines.some((line) => line.includes('health of an upstream origin changed')))
  await service.close()
})

t.test('200 only the healthy origins get requests', async (t) => {
  const services = await Promise.all(
    [200, 500].map((health) =>
      startService((request, response) => {
        if (request.url === '/health') response.statusCode = health
        request.resume().on('end', () => response.end('{}'))
      }),
    ),
  )
  t.teardown(() => Promise.all(services.map((service) => service.close())))
  const [well, ill] = services.map(({ asked }) => asked) as [string[], string[]]
  const more = '    health: { path: /health, interval_ms: 100, timeout_ms: 5000, failures: 1 }\n'
  use(
    trainingManifest(
      services.map(({ origin }) => origin),
      more,
    ),
  )
  await until(() => gateway.lines.some((line) => line.includes(services[1]?.origin ?? '') && line.includes('health')))
  const before = ill.filter((each) => each === 'GET /status').length
  for (let count = 0; count < 10; count += 1) {
    t.equal((await ask(gateway, '/training/status', { headers })).status, 200)
  }
  t.equal(ill.filter((each) => each === 'GET /status').length, before, 'no request for the unhealthy origin')
  t.ok(well.filter((each) => each === 'GET /status').length >= 10)
})

t.test('429 the budget of a route is counted per tenant', async (t) => {
  const service = await startService()
  const manifest = trainingManifest(service.origin).replace('path: /status,', 'path: /status, budget: 2/60,')
  use(manifest)
  const get = (path = '/training/status') => ask(gateway, path, { headers })
  t.match((await get()).headers.get('ratelimit'), /"upstream_route";r=1;t=60/)
  t.equal((await get()).status, 200)
  const over = await get()
  t.match(over, { status: 429, body: { code: 'rate_limited', violated_policies: ['upstream_route'] } })
  t.ok(over.headers.get('retry-after'))
  t.equal((await get('/training/sessions/x')).status, 200, 'another route')
  const other = await world.as('other_owner', world.globex)
  t.equal((await ask(gateway, '/training/status', { headers: other })).status, 200, 'another tenant')
  t.equal(service.asked.length, 4)
  gateway.clock.advance(60_000)
  t.equal((await get()).status, 200)
  await service.close()
})

t.test('413 a body is too long, with Content-Length (nothing is forwarded) and without', async (t) => {
  const service = await startService()
  use(trainingManifest(service.origin))
  const put = (body: string | ReadableStream) =>
    fetch(`${gateway.url}/training/files/x`, { method: 'PUT', headers, body, duplex: 'half' } as RequestInit)
  t.equal((await put('x'.repeat(1000))).status, 200)
  const said = await put('x'.repeat(1001))
  t.equal(said.status, 413)
  t.equal(service.asked.length, 1)
  const pieces = new ReadableStream({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode('x'.repeat(400)))
    },
  })
  const answer = await put(pieces)
  t.match(await answer.json(), { status: 413, code: 'body_too_large' })
  t.equal((await ask(gateway, '/livez')).status, 200)
  await service.close()
})
