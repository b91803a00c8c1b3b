import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { open, tenant } from '../../../src/kernel/request/access.js'
import { type GatewayOptions, startGateway } from '../../helpers/gateway.js'
import { ask, askRaw } from '../../helpers/requests.js'
import { openSocket } from '../../helpers/sockets.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'

const gateway = await startGateway({
  more: async (app) => {
    const handler = async () => ({ over: 'http' })
    app.route({
      method: 'GET',
      url: '/socket',
      config: tenant('customers:edit'),
      schema: { response: { 200: {} } },
      handler,
      wsHandler: (socket) => void socket.on('message', (data) => socket.send(data)),
    })
    app.post('/echo', { config: open(), schema: { body: {}, response: { 200: {} } } }, async (request) => request.body)
  },
})
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const gatewayRoute: GatewayOptions['more'] = async (app) => {
  app.route({ method: 'GET', url: '/socket', config: open(), handler: async () => ({}), wsHandler: () => undefined })
}
const HANDSHAKE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
}

t.test('101 a WebSocket route for a caller who passes the pipeline, and the route still answers HTTP', async (t) => {
  const headers = await world.as('owner')
  const socket = openSocket(gateway, '/socket', { headers })
  await socket.opened()
  socket.send({ type: 'echo' })
  await socket.frame('echo')
  t.match((await ask(gateway, '/socket', { headers })).body, { over: 'http' })
  socket.socket.close()
  await socket.closed()
  await until('the handshake is logged', () =>
    gateway.lines.some((line) => line.includes('"route":"/socket","address"') && line.includes('"status":101')),
  )
})

// A browser reports a response that is no upgrade as close code 1006, without status or body. So the gateway accepts the
// socket and closes it with a code.
t.test('4401 4403 4429 1008 a refused handshake is accepted and closed with the code of the problem', async (t) => {
  const owner = await world.as('owner')
  const cases = [
    [{}, 4401, 'tenant_credentials_required'],
    [keyHeaders({ id: world.acme.id, key: world.globex.key }), 4401, 'invalid_tenant_credentials'],
    [{ ...owner, authorization: 'Bearer x' }, 4401, 'invalid_token'],
    [{ ...owner, origin: 'https://evil.example' }, 4403, 'origin_not_allowed'],
    [await world.as('analyst'), 4403, 'insufficient_scope'],
    [await world.as('stranger'), 4403, 'tenant_access_denied'],
  ] as const
  for (const [headers, code, reason] of cases) {
    const socket = openSocket(gateway, '/socket', { headers })
    t.same(await socket.closed(), { code, reason })
    t.same(socket.frames, [])
  }
  const in_url = openSocket(gateway, `/socket?token=${world.acme.key}`, { headers: owner })
  t.same(await in_url.closed(), { code: 1008, reason: 'credentials_in_url' })
  const flooding = await startGateway({
    on: gateway.test_database,
    env: { BUDGET_ADDRESS: '1/60' },
    more: gatewayRoute,
  })
  await ask(flooding, '/docs')
  t.match(await openSocket(flooding, '/socket').closed(), { code: 4429, reason: /^rate_limited; Retry-After: \d+$/ })
  await flooding.close()
})

t.test('a refused handshake is logged with its HTTP status', async (t) => {
  const isRefusal = (line: string) => line.includes('"status":403') && line.includes('"route":"/socket"')
  const before = gateway.lines.filter(isRefusal).length
  await openSocket(gateway, '/socket', { headers: await world.as('analyst') }).closed()
  await until('the refusal is logged', () => gateway.lines.filter(isRefusal).length > before)
  t.equal(gateway.lines.filter(isRefusal).length, before + 1, 'once')
})

// Attack: a client opens a WebSocket on a route without one, so that the checks of the route do not apply.
t.test('400 404 over HTTP for a handshake to a route without WebSockets', async (t) => {
  const headers = await world.as('owner')
  for (const [path, status, code] of [
    ['/v1/customers', 400, 'no_web_socket'],
    ['/livez', 400, 'no_web_socket'],
    ['/nowhere', 404, 'not_found'],
    ['/v1/auth/login', 404, 'not_found'],
  ] as const) {
    const { status: answered, body } = await openSocket(gateway, path, { headers }).answer()
    if (path !== '/v1/auth/login')
      t.match({ answered, body: JSON.parse(String(body)) }, { answered: status, body: { code } }, path)
    else t.ok(Number(answered) >= 400, path)
  }
})

// Some client libraries offer HTTP/2 over plain text with each request. They must get a response.
t.test('200 an upgrade to another protocol, or an invalid handshake, is handled as an ordinary request', async (t) => {
  const offers = [
    { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' },
    { ...HANDSHAKE, 'sec-websocket-version': '8' },
    { ...HANDSHAKE, 'sec-websocket-key': 'short' },
    { ...HANDSHAKE, upgrade: 'websocket, h2c' },
  ]
  for (const offer of offers) {
    const lines = Object.entries(offer).flat()
    const read = await askRaw(gateway, '/livez', { lines })
    t.equal(read.status, 200, JSON.stringify(offer))
    const body = '{"a":1}'
    const sent = await askRaw(gateway, '/echo', {
      method: 'POST',
      lines: [...lines, 'content-type', 'application/json', 'content-length', String(body.length)],
      body,
    })
    t.match(sent.body, { a: 1 }, JSON.stringify(offer))
  }
  const posted = await askRaw(gateway, '/echo', {
    method: 'POST',
    lines: [...Object.entries(HANDSHAKE).flat(), 'content-type', 'application/json', 'content-length', '2'],
    body: '{}',
  })
  t.equal(posted.status, 200, 'a POST with the headers of a handshake')
})

t.test('400 a problem for a malformed Sec-WebSocket-Protocol header', async (t) => {
  const lines = Object.entries({ ...HANDSHAKE, ...(await world.as('owner')), 'sec-websocket-protocol': 'a,,b' }).flat()
  const answer = await askRaw(gateway, '/socket', { lines })
  t.match(answer, { status: 400, body: { code: 'malformed_request' } })
})

// Attack: the client sends an invalid handshake and never closes its side. The socket once stayed open for ever, and the
// gateway could not shut down gracefully.
t.test('400 the gateway destroys the socket of a refused handshake if the client does not close it', async (t) => {
  for (const headers of [{}, await world.as('owner')]) {
    const { hostname, port } = new URL(gateway.url)
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    const all = { host: 'x', ...HANDSHAKE, ...headers, 'sec-websocket-protocol': 'a,,b' }
    const lines = Object.entries(all).map((line) => `${line.join(': ')}\r\n`)
    socket.write(`GET /socket HTTP/1.1\r\n${lines.join('')}\r\n`)
    let text = ''
    let is_cut = false
    socket.on('data', (chunk) => {
      text += chunk
    })
    // The gateway resets the connection, which emits an error here.
    socket.on('error', () => undefined)
    const server = gateway.app.server
    const count = () => new Promise<number>((resolve) => server.getConnections((_error, number) => resolve(number)))
    await until('the response arrives', () => text.includes('malformed_request'))
    const open = await count()
    await until('the gateway closes the socket', async () => {
      is_cut = (await count()) < open
      return is_cut
    })
    t.ok(is_cut)
    socket.destroy()
  }
})

// Attack: the client sends handshakes that the gateway refuses, and never answers the close frame, to hold sockets.
t.test('the gateway destroys a refused WebSocket whose client does not answer the close frame', async (t) => {
  let most = 0
  const handshake = async () => {
    const made = await deafHandshake()
    most = Math.max(most, gateway.app.websocketServer.clients.size)
    return made
  }
  const sockets = await Promise.all(Array.from({ length: 300 }, handshake))
  t.ok(most <= 256 && most > 0, `${most} of 300 refused sockets were open at once; the others got a response over HTTP`)
  await until('all sockets are closed', () => sockets.every(({ isGone }) => isGone()))
})

function deafHandshake(): Promise<{ status: number; isGone: () => boolean }> {
  const outgoing = httpRequest(`${gateway.url}/socket`, { headers: HANDSHAKE, agent: false })
  return new Promise((resolve, reject) => {
    outgoing.on('upgrade', (_response, socket) => {
      let gone = false
      // This client reads and never answers the close frame.
      socket.on('data', () => undefined)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        gone = true
      })
      resolve({ status: 101, isGone: () => gone })
    })
    outgoing.on('response', (response) => {
      response.resume()
      resolve({ status: response.statusCode ?? 0, isGone: () => outgoing.socket?.destroyed === true })
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

t.test('1012 with Retry-After for an open socket when the gateway shuts down', async (t) => {
  const other = await startGateway({ on: gateway.test_database, more: gatewayRoute })
  const sockets = Array.from({ length: 3 }, () => openSocket(other, '/socket'))
  await Promise.all(sockets.map((socket) => socket.opened()))
  await other.close()
  for (const socket of sockets) {
    t.match(await socket.closed(), { code: 1012, reason: /^service_unavailable; Retry-After: [1-5]$/ })
  }
})
