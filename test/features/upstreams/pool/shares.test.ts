import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { ask } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { buildWorld } from '../../../helpers/world.js'
import { until } from '../../../process/gateway-process.js'
import { startGatewayWith, startService, trainingManifest } from '../services.js'

// Attack: one tenant holds every connection to an upstream that all tenants share.
t.test('503 a tenant gets at most half of the connections; another tenant still gets one', async (t) => {
  const held: ServerResponse[] = []
  const service = await startService((request, response) => {
    request.resume()
    if (request.url === '/status') held.push(response)
    else response.end('{}')
  })
  const gateway = await startGatewayWith(t, trainingManifest(service.origin, '    connections_max: 2\n'))
  const world = await buildWorld(gateway)
  const headers = await world.as('owner')
  const first = ask(gateway, '/training/status', { headers })
  await until(() => held.length === 1)
  const second = await ask(gateway, '/training/sessions/x', { headers })
  t.match(second, { status: 503, body: { code: 'upstream_unavailable' } })
  t.equal(second.headers.get('retry-after'), '1')
  const other = await world.as('other_owner', world.globex)
  t.equal((await ask(gateway, '/training/sessions/x', { headers: other })).status, 200)
  held[0]?.end('{}')
  t.equal((await first).status, 200)
  await until(async () => (await ask(gateway, '/training/sessions/x', { headers })).status === 200)

  // Attack: the client disconnects at any moment of its request. Its upstream connection must be released every time.
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const { hostname, port } = new URL(gateway.url)
  for (let round = 0; round < 30; round += 1) {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    socket.write(`GET /training/status HTTP/1.1\r\nHost: x\r\n${lines.join('')}\r\n`)
    const milliseconds = round % 10
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    socket.destroy()
  }
  const backend = gateway.upstreams?.current().upstreams.get('training')?.backends[0]
  await until(() => backend?.in_flight === 0)
  await until(async () => (await ask(gateway, '/training/sessions/x', { headers })).status === 200)
  await gateway.close()
  await service.close()
})

// Attack: one tenant keeps all connections busy. Timeouts in the queue must not open the breaker for every tenant.
t.test('504 a timeout while waiting for a connection does not open the breaker of the upstream', async (t) => {
  const held: ServerResponse[] = []
  const service = await startService((request, response) => {
    request.resume()
    if (request.url === '/slow') held.push(response)
    else response.end('{}')
  })
  t.teardown(() => service.close())
  const manifest = `upstreams:
  - name: training
    prefix: /training
    origin: ${service.origin}
    connections_max: 1
    breaker: { failures: 1 }
    routes:
      - { method: GET, path: /slow, scopes: [], timeout_ms: 50000 }
      - { method: GET, path: /quick, scopes: [], timeout_ms: 100 }
`
  const gateway = await startGatewayWith(t, manifest)
  t.teardown(() => gateway.close())
  const world = await buildWorld(gateway)
  const slow = ask(gateway, '/training/slow', { headers: await world.as('owner') })
  await until(() => held.length === 1)
  const headers = await world.as('other_owner', world.globex)
  const waited = await ask(gateway, '/training/quick', { headers })
  t.match(waited, { status: 504, body: { code: 'upstream_timeout' } })
  t.same(service.asked, ['GET /slow'], 'the gateway did not send the request')
  t.equal(gateway.upstreams?.current().upstreams.get('training')?.backends[0]?.breaker.state, 'closed')
  held[0]?.end('{}')
  t.equal((await slow).status, 200)
  t.equal((await ask(gateway, '/training/quick', { headers })).status, 200)
})
