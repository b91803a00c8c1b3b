import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { generate } from 'selfsigned'
import { WebSocket, WebSocketServer } from 'ws'
import { ask } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { startBehindGateway, type Written } from '../behind-gateway.js'

const DAY_MS = 86_400_000
const COMMON = { keyType: 'ec', algorithm: 'sha256' } as const

const authorityOf = (name: string) =>
  generate([{ name: 'commonName', value: name }], {
    ...COMMON,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  })
type Authority = Awaited<ReturnType<typeof authorityOf>>

interface Wish {
  readonly authority?: Authority
  /** The DNS name in the certificate. */
  readonly name?: string
  readonly from_day?: number
}

/**
 * Starts a TLS service with a certificate that is valid for two days. Without `authority` the certificate is
 * self-signed.
 */
async function startTls({ authority, name = 'localhost', from_day = -1 }: Wish) {
  const certificate = await generate([{ name: 'commonName', value: name }], {
    ...COMMON,
    notBeforeDate: new Date(Date.now() + from_day * DAY_MS),
    notAfterDate: new Date(Date.now() + (from_day + 2) * DAY_MS),
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }],
    ...(authority !== undefined && { ca: { key: authority.private, cert: authority.cert } }),
  })
  const asked: string[] = []
  const server = createServer({ key: certificate.private, cert: certificate.cert }, (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.end('{"is":"well"}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    asked.push(`WebSocket ${request.url}`)
    socket.send('hello')
  })
  t.teardown(() => {
    for (const client of sockets.clients) client.terminate()
    server.closeAllConnections()
    server.close()
  })
  return { asked, origin: `https://localhost:${(server.address() as AddressInfo).port}` }
}

const ours = await authorityOf('Gatehouse tests')
const ca = `${t.testdir({ 'ca.pem': ours.cert })}/ca.pem`
const good = await startTls({ authority: ours })
const bad = {
  'another authority': await startTls({ authority: await authorityOf('Gatehouse tests') }),
  'a self-signed certificate': await startTls({}),
  'another name': await startTls({ authority: ours, name: 'else.example' }),
  'an expired certificate': await startTls({ authority: ours, from_day: -3 }),
  'a certificate that is not valid yet': await startTls({ authority: ours, from_day: 1 }),
}
const upstreamOf = (name: string, origin: string, more: Written = {}) => ({
  ...{ name, prefix: `/${name}`, origin, retries: 0, breaker: { failures: 1_000 } },
  routes: [{ method: 'GET', path: '/status', scopes: [] }],
  websockets: [{ path: '/live', scopes: [] }],
  ...more,
})
const names = Object.keys(bad).map((_, position) => `bad-${position}`)
const { gateway, world } = await startBehindGateway(t, [
  upstreamOf('good', good.origin, { tls: { ca }, health: { path: '/health', interval_ms: 100 } }),
  // The authority of the test is not in the trust store of Node.
  upstreamOf('unknown', good.origin),
  ...Object.values(bad).map(({ origin }, position) => upstreamOf(String(names[position]), origin, { tls: { ca } })),
])
const headers = await world.as('owner')

t.test('200 101 an upstream whose certificate is signed by the authority of the manifest', async (t) => {
  t.match(await ask(gateway, '/good/status', { headers }), { status: 200, body: { is: 'well' } })
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/good/live`, { headers })
  t.teardown(() => socket.terminate())
  t.equal(String((await once(socket, 'message'))[0]), 'hello')
  await until('the health check arrives', () => good.asked.includes('GET /health'))
})

// Attack: intercepts the connection between the gateway and the upstream, to read identity tokens and to forge
// responses.
t.test('502 an upstream with a certificate that fails verification receives nothing of a request', async (t) => {
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  t.teardown(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
  })
  for (const environment of ['1', '0']) {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = environment
    for (const [position, [what, { asked }]] of [
      ...Object.entries(bad),
      ['no trusted authority', good] as const,
    ].entries()) {
      const name = names[position] ?? 'unknown'
      const from = asked.length
      const answer = await ask(gateway, `/${name}/status`, { headers })
      t.match(answer, { status: 502, body: { code: 'upstream_unreachable' } }, what)
      const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/${name}/live`, { headers })
      const [, refusal] = await once(socket, 'unexpected-response')
      t.equal(refusal.statusCode, 502, `${what}, by WebSocket`)
      socket.on('error', () => undefined)
      socket.terminate()
      t.same(
        asked.slice(from).filter((each) => !each.includes('/health')),
        [],
        `${what} received no request`,
      )
    }
  }
  t.match(gateway.lines.join('\n'), /UNABLE_TO_VERIFY_LEAF_SIGNATURE/, 'the log contains the reason')
})
