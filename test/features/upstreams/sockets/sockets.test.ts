import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { generateSigningKeys } from '../../../../src/kernel/config/secrets.js'
import type { TestGateway } from '../../../helpers/gateway.js'
import { ask, askRaw } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { keyHeaders } from '../../../helpers/world.js'
import { startBehindGateway, startInFront, type Written } from '../behind-gateway.js'
import { startForeignSockets } from './foreign-sockets.js'

const TIMEOUT_MS = 1_000
const MIB = 1_048_576

const foreign = await startForeignSockets()
t.teardown(() => foreign.close())
const live = (path: string, more = {}) => ({ path, scopes: ['live:view'], timeout_ms: TIMEOUT_MS, ...more })
// All gateways of this file share one database and one signing key, so an access token is valid at each of them.
const signing_keys = generateSigningKeys()
const { gateway, world } = await startBehindGateway(
  t,
  [
    {
      name: 'live',
      prefix: '/live',
      origin: foreign.origin,
      scopes: { 'live:view': 'See what happens' },
      breaker: { failures: 1_000 },
      routes: [
        { method: 'GET', path: '/status', scopes: ['live:view'] },
        { method: 'GET', path: '/sessions/:id', scopes: ['live:view'] },
        { method: 'POST', path: '/start', scopes: ['live:view'] },
      ],
      websockets: [
        live('/echo', { message_bytes_max: 20_000 }),
        live('/greets', { connections_per_tenant_max: 2 }),
        live('/*'),
      ],
    },
    {
      name: 'gone',
      prefix: '/gone',
      origin: 'http://127.0.0.1:9',
      websockets: [{ path: '/*', scopes: [] }],
    },
  ],
  { signing_keys },
)
const owner = await world.as('owner')
const another = (t: Test, upstream: Written) => startInFront(t, [upstream], { signing_keys, on: gateway.test_database })

t.test('101 a caller with the scope is connected; messages, pings and close codes pass both ways', async (t) => {
  const { socket, opened, closed } = openSocket(t, gateway, '/live/echo', { headers: owner })
  await opened()
  const answer = once(socket, 'message')
  socket.send('hello')
  t.equal(String((await answer)[0]), 'hello')
  const pong = once(socket, 'pong')
  socket.ping('there?')
  t.equal(String((await pong)[0]), 'there?')
  socket.close(3001, 'enough')
  t.match(await closed(), { code: 3001, reason: 'enough' })
  await until('the upstream receives the close code', () =>
    foreign.closes.some(({ code, reason }) => code === 3001 && reason === 'enough'),
  )
})

t.test('a message that the client sends right after its handshake arrives', async (t) => {
  const socket = openSocket(t, gateway, '/live/echo', { headers: owner })
  const answer = once(socket.socket, 'message')
  socket.socket.once('open', () => socket.socket.send('early'))
  t.equal(String((await answer)[0]), 'early')
  socket.socket.close()
})

t.test('the upstream selects the subprotocol, and the client receives it', async (t) => {
  const { socket, opened } = openSocket(t, gateway, '/live/echo', { headers: owner, protocols: ['v2', 'v1'] })
  await opened()
  t.equal(socket.protocol, 'v2')
})

// Attack: sends forged identity headers and credentials to an upstream by way of a WebSocket handshake.
t.test('the upstream handshake has the headers of a forwarded request, and no other client header', async (t) => {
  const headers = {
    ...owner,
    'x-gatehouse-tenant': 'forged',
    X_Gatehouse_User: 'forged',
    cookie: 'a=b',
    'x-other': '1',
  }
  const socket = openSocket(t, gateway, '/live/echo?since=1', { headers })
  await socket.opened()
  const got = foreign.handshakes.at(-1)
  t.equal(got?.url, '/echo?since=1')
  t.match(got?.headers, { 'x-gatehouse-tenant': world.acme.id, 'x-gatehouse-user': world.ids.owner })
  t.match(got?.headers, { 'x-gatehouse-scopes': 'live:view', 'x-gatehouse-identity': /^ey/ })
  const raw = JSON.stringify(got?.rawHeaders).toLowerCase()
  for (const word of ['forged', 'x_gatehouse', 'x-tenant', 'authorization', 'cookie', 'x-other', world.acme.key]) {
    t.notMatch(raw, word.toLowerCase(), word)
  }
  socket.socket.close()
})

t.test('4401 4403 a caller without access receives a close code, and the upstream receives no handshake', async (t) => {
  const before = foreign.handshakes.length
  t.match(await openSocket(t, gateway, '/live/echo').closed(), { code: 4401, reason: 'tenant_credentials_required' })
  const analyst = await world.as('analyst')
  t.match(await openSocket(t, gateway, '/live/echo', { headers: analyst }).closed(), {
    code: 4403,
    reason: 'insufficient_scope',
  })
  const alone = keyHeaders(world.acme)
  t.match(await openSocket(t, gateway, '/live/echo', { headers: alone }).closed(), {
    code: 4403,
    reason: 'insufficient_scope',
  })
  const evil = { ...owner, origin: 'https://evil.example' }
  t.match(await openSocket(t, gateway, '/live/echo', { headers: evil }).closed(), {
    code: 4403,
    reason: 'origin_not_allowed',
  })
  t.equal(foreign.handshakes.length, before)
})

// A bare 403 to a page that retries its socket does not tell the developer that the upstream refused the upgrade.
t.test('502 an upstream refuses the upgrade: the problem says so, and lists the routes to poll', async (t) => {
  for (const status of [200, 302, 404, 410]) {
    const { body } = await refused(t, `/live/refuses-${status}`, 502)
    t.match(body, {
      code: 'upstream_no_web_socket',
      upstream: 'live',
      upstream_status: status,
      poll: ['GET /live/status', 'GET /live/sessions/:id'],
    })
    t.match(body.detail, /Poll GET \/live\/status, GET \/live\/sessions\/:id\./)
  }
  await until('no connection to the upstream is open', () => foreign.connections() === 0)
})

t.test('502 an upstream refuses the caller or fails: the problem differs from a refusal of the gateway', async (t) => {
  for (const [status, code] of [
    [401, 'upstream_refused_caller'],
    [403, 'upstream_refused_caller'],
    [500, 'upstream_bad_answer'],
    [502, 'upstream_bad_answer'],
  ] as const) {
    const { body, headers } = await refused(t, `/live/refuses-${status}`, 502)
    t.match(body, { code, upstream: 'live', upstream_status: status })
    t.equal(headers['www-authenticate'], undefined)
  }
  await until('no connection to the upstream is open', () => foreign.connections() === 0)
})

t.test('429 503 of an upstream reach the client with its Retry-After, or with 5 s', async (t) => {
  for (const [status, code] of [
    [429, 'upstream_rate_limited'],
    [503, 'upstream_busy'],
  ] as const) {
    for (const [sent, received] of [
      ['17', '17'],
      ['Wed, 21 Oct 2026 07:28:00 GMT', 'Wed, 21 Oct 2026 07:28:00 GMT'],
      ['soon', '5'],
      [undefined, '5'],
    ] as const) {
      const query = sent === undefined ? '' : `?retry-after=${encodeURIComponent(sent)}`
      const { body, headers } = await refused(t, `/live/refuses-${status}${query}`, status)
      t.match(body, { code, status, upstream: 'live', upstream_status: status })
      t.equal(headers['retry-after'], received, `Retry-After of the service: ${sent}`)
    }
  }
})

t.test('a 429 of an upstream is not in the audit, because the gateway refused nothing', async (t) => {
  const websockets = [{ path: '/*', scopes: [] }]
  const other = await another(t, { name: 'full', prefix: '/full', origin: foreign.origin, websockets })
  const opened = openSocket(t, other, '/full/refuses-429', { headers: owner })
  t.equal((await opened.answer()).status, 429)
  await openSocket(t, other, '/full/echo', { headers: { ...owner, authorization: 'Bearer x' } }).closed()
  await other.close()
  const events = await gateway.sql(`select changes->>'code' as code from audit_events
    where changes->>'route' = 'GET /full/*'`)
  t.same(events, [{ code: 'invalid_token' }])
})

t.test('502 504 an upstream is unreachable, hangs up, sends garbage, or sends no response', async (t) => {
  t.match((await refused(t, '/gone/away', 502)).body, { code: 'upstream_unreachable' })
  for (const path of ['/live/hangs-up', '/live/garbage', '/live/wrong-key']) {
    t.match((await refused(t, path, 502)).body, { code: 'upstream_bad_answer' }, path)
  }
  t.match((await refused(t, '/live/never', 504)).body, { code: 'upstream_timeout' })
  await until('no connection to the upstream is open', () => foreign.connections() === 0)
})

t.test('101 an origin that refuses connections or hangs up: the handshake goes to the next origin', async (t) => {
  const hangs_up = createTcpServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(hangs_up, 'listening')
  t.teardown(() => hangs_up.close())
  const { port } = hangs_up.address() as AddressInfo
  for (const broken of ['http://127.0.0.1:9', `http://127.0.0.1:${port}`]) {
    const gateway = await another(t, {
      name: 'two',
      prefix: '/two',
      origin: [broken, foreign.origin],
      breaker: { failures: 1_000 },
      websockets: [{ path: '/*', scopes: [] }],
    })
    for (let round = 0; round < 4; round += 1) {
      const { socket, opened } = openSocket(t, gateway, '/two/echo', { headers: owner })
      await opened()
      socket.close()
    }
  }
})

t.test('400 404 a path without a WebSocket route: the problem lists the routes to poll', async (t) => {
  const routes = [{ method: 'GET', path: '/status', scopes: [] }]
  const gateway = await another(t, { name: 'rest', prefix: '/rest', origin: foreign.origin, routes })
  for (const [path, status, code] of [
    ['/rest/status', 400, 'no_web_socket'],
    ['/rest/ws', 404, 'not_found'],
  ] as const) {
    const answer = await openSocket(t, gateway, path, { headers: owner }).answer()
    t.equal(answer.status, status)
    t.match(JSON.parse(String(answer.body)), { code, poll: ['GET /rest/status'], detail: /Poll GET \/rest\/status\./ })
  }
  t.match(await openSocket(t, gateway, '/elsewhere/ws', { headers: owner }).answer(), { status: 404 })
})

t.test('426 a plain HTTP request to a WebSocket route gets the Upgrade header', async (t) => {
  const { status, body, headers } = await ask(gateway, '/live/echo', { headers: owner })
  t.match({ status, body }, { status: 426, body: { code: 'upgrade_required' } })
  t.equal(headers.get('upgrade'), 'websocket')
})

// Attack: sends a path in a WebSocket handshake that the upstream would read as a different path.
t.test('400 an ambiguous path is refused in a WebSocket handshake too', async (t) => {
  const before = foreign.handshakes.length
  const handshake = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
  const lines = Object.entries({ ...owner, ...handshake, 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' }).flat()
  const paths = [
    '/live/%2e%2e/x',
    '/live/../x',
    '/live/a%2fb',
    '/live//echo',
    '/live/a;b',
    '/live/a%3bb',
    '/live/a%5cb',
  ]
  for (const path of [...paths, '/live/a\\b', '//live/echo', 'ws://other.example/live/echo']) {
    const { status, body } = await askRaw(gateway, path, { lines })
    t.match({ status, body }, { status: 400, body: { code: 'ambiguous_path' } }, path)
  }
  t.equal(foreign.handshakes.length, before)
})

t.test('4321 1005 1014 an upstream closes, or breaks the connection, right after the handshake', async (t) => {
  t.match(await openSocket(t, gateway, '/live/close', { headers: owner }).closed(), { code: 4321, reason: 'as agreed' })
  t.match(await openSocket(t, gateway, '/live/close-without', { headers: owner }).closed(), { code: 1005 })
  for (const path of ['/live/dies', '/live/invalid', '/live/masked']) {
    t.match(await openSocket(t, gateway, path, { headers: owner }).closed(), { code: 1014 }, path)
  }
})

t.test('1009 a message of either side is longer than message_bytes_max in the manifest', async (t) => {
  const before = foreign.closes.length
  t.match(await openSocket(t, gateway, '/live/too-large', { headers: owner }).closed(), { code: 1009 })
  await until('the upstream receives the close code', () => foreign.closes[before]?.code === 1009)

  const socket = openSocket(t, gateway, '/live/echo', { headers: owner })
  await socket.opened()
  socket.socket.send('x'.repeat(20_001))
  t.match(await socket.closed(), { code: 1009 })
})

t.test('4429 the limit of connections is per tenant', async (t) => {
  const open = (headers: Record<string, string>) => openSocket(t, gateway, '/live/greets', { headers })
  const first = [open(owner), open(owner)]
  await Promise.all(first.map((socket) => socket.opened()))
  t.match(await open(owner).closed(), { code: 4429, reason: /^too_many_connections; Retry-After: \d+$/ })
  const other = open(await world.as('other_owner', world.globex))
  await other.opened()
  first[0]?.socket.close()
  await first[0]?.closed()
  await until('the tenant has a free connection again', async () => {
    const next = open(owner)
    const is_open = await next.opened().catch(() => false)
    const has_room = is_open && !(await next.closed(200).catch(() => undefined))
    next.socket.terminate()
    return has_room
  })
  for (const { socket } of [...first, other]) socket.terminate()
})

/** Starts a handshake on a raw socket, which the test can end or reset at any time. */
function handshake(path: string): Socket {
  const { hostname, port } = new URL(gateway.url)
  const more = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
  const lines = Object.entries({ host: 'x', ...owner, ...more, 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' })
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true }).on('error', () => undefined)
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.map((line) => `${line.join(': ')}\r\n`).join('')}\r\n`)
  return socket
}

// Attack: half-closes the connection during the handshake. Without a relay to close it, the upstream socket would stay
// open for ever.
t.test('a client that closes its connection during the handshake leaves no upstream socket open', async (t) => {
  await until('no connection to the upstream is open', () => foreign.connections() === 0)
  const before = foreign.handshakes.length
  const sockets = [1, 2, 3].map(() => handshake('/live/silent').end())
  await until('the upstream receives the handshakes', () => foreign.handshakes.length === before + 3)
  await until('the gateway closes its upstream sockets', () => foreign.connections() === 0)
  t.equal(foreign.handshakes.length, before + 3)
  for (const socket of sockets) socket.destroy()
})

// Attack: resets each handshake at once. If a reset did not release its connection slot, the tenant could not connect
// again.
t.test('101 a handshake that the client resets, at any moment, releases its connection slot', async (t) => {
  for (let round = 0; round < 60; round += 1) {
    const socket = handshake('/live/greets')
    await new Promise((resolve) => setTimeout(resolve, round % 15))
    socket.resetAndDestroy()
  }
  await until('the tenant has a free connection', async () => {
    const next = openSocket(t, gateway, '/live/greets', { headers: owner })
    const is_open = await next.opened().catch(() => false)
    const has_room = is_open && !(await next.closed(200).catch(() => undefined))
    next.socket.terminate()
    return has_room
  })
  await until('no connection to the upstream is open', () => foreign.connections() === 0)
  t.equal(foreign.connections(), 0)
})

t.test('an upstream that floods a client which does not read does not fill the memory of the gateway', async (t) => {
  const socket = openSocket(t, gateway, '/live/flood', { headers: owner })
  await socket.opened()
  socket.socket.pause()
  let last = -1
  let since = Date.now()
  await until('the upstream can send no more', () => {
    if (foreign.flooded() !== last) since = Date.now()
    last = foreign.flooded()
    return Date.now() - since > 500
  })
  t.ok(foreign.flooded() < 32 * MIB, `${foreign.flooded()} bytes`)
  socket.socket.terminate()
  await until('the upstream socket is closed', () => foreign.connections() === 0)
})

t.test('1012 a gateway that shuts down closes every socket with Retry-After', async (t) => {
  const websockets = [{ path: '/*', scopes: [] }]
  const gateway = await another(t, { name: 'live', prefix: '/live', origin: foreign.origin, websockets })
  const sockets = Array.from({ length: 3 }, () => openSocket(t, gateway, '/live/silent', { headers: owner }))
  await Promise.all(sockets.map((socket) => socket.opened()))
  await gateway.app.close()
  for (const socket of sockets)
    t.match(await socket.closed(), { code: 1012, reason: /^service_unavailable; Retry-After: \d$/ })
  await until('the upstream sockets are closed', () => foreign.connections() === 0)
})

interface Wish {
  readonly headers?: Record<string, string>
  readonly protocols?: string[]
}

/** Opens a socket through the gateway. The test terminates it at its end at the latest. */
function openSocket(t: Test, to: Pick<TestGateway, 'url'>, path: string, { headers, protocols = [] }: Wish = {}) {
  const socket = new WebSocket(to.url.replace(/^http/, 'ws') + path, protocols, { headers })
  const seen: {
    closed?: { code: number; reason: string }
    status?: number
    body?: string
    headers?: IncomingHttpHeaders
  } = {}
  t.teardown(() => socket.terminate())
  // A refusal over HTTP emits an error. The tests assert the response instead.
  socket.on('error', () => undefined)
  socket.on('close', (code, reason) => {
    seen.closed = { code, reason: String(reason) }
  })
  socket.on('unexpected-response', (_request, response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    response.on('end', () => {
      Object.assign(seen, { status: response.statusCode, headers: response.headers, body: text })
      socket.terminate()
    })
  })
  return {
    socket,
    opened: () => until(`${path} is open`, () => socket.readyState === WebSocket.OPEN),
    closed: (within_ms?: number) => until(`${path} is closed`, () => seen.closed, { within_ms }),
    answer: () => until(`${path} is answered over HTTP`, () => (seen.body === undefined ? undefined : seen)),
    isOpen: () => socket.readyState === WebSocket.OPEN,
  }
}

t.test('4401 4403 a caller that loses its scope, key, session or token loses its open connection', async (t) => {
  const tenant = `/v1/tenants/${world.acme.id}`
  const override = (effect: string) =>
    ask(gateway, `${tenant}/members/${world.ids.agent}/overrides/live:view`, {
      method: 'PUT',
      headers: owner,
      body: { effect, reason: 'a test' },
    })
  const connect = async (headers: Record<string, string>) => {
    const socket = openSocket(t, gateway, '/live/silent', { headers })
    await socket.opened()
    return socket
  }
  t.equal((await override('grant')).status, 200)
  const bystander = await connect(await world.as('other_owner', world.globex))
  const denied = await connect(await world.as('agent'))
  await override('deny')
  t.match(await denied.closed(), { code: 4403, reason: 'insufficient_scope' })

  const body = { name: 'For a socket', scopes: ['live:view'] }
  const made = await ask(gateway, `${tenant}/keys`, { headers: owner, body })
  t.equal(made.status, 201, made.text)
  const by_key = await connect(keyHeaders({ id: world.acme.id, key: made.body.key }))
  await ask(gateway, `${tenant}/keys/${made.body.id}`, { method: 'DELETE', headers: owner })
  t.match(await by_key.closed(), { code: 4401, reason: 'invalid_tenant_credentials' })

  const signed_out = await connect(owner)
  await ask(gateway, '/v1/auth/logout', { method: 'POST', headers: owner })
  t.match(await signed_out.closed(), { code: 4401, reason: 'invalid_token' })

  t.ok(bystander.isOpen(), 'a socket of another tenant stays open')
  gateway.clock.advance(3_601_000)
  t.match(await bystander.closed(), { code: 4401, reason: 'invalid_token' }, 'an expired access token')
})

async function refused(t: Test, path: string, status: number) {
  const answer = await openSocket(t, gateway, path, { headers: owner }).answer()
  t.equal(answer.status, status, path)
  return { body: JSON.parse(String(answer.body)), headers: answer.headers ?? {} }
}
