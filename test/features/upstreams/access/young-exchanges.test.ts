import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { keyHeaders } from '../../../helpers/world.js'
import { startBehindGateway } from '../behind-gateway.js'
import { startService } from '../services.js'

/** Longer than an exchange is young, with the time until the next sweep. */
const GROWN_MS = 700

/** The requests that the service has received, and whether each has arrived whole. */
const received: { request: IncomingMessage; response: ServerResponse; is_whole: boolean }[] = []
const service = await startService((request, response) => {
  const seen = { request, response, is_whole: false }
  received.push(seen)
  request.resume().on('end', () => {
    seen.is_whole = true
    if (request.url === '/upload') response.end('{"done":true}')
  })
  request.on('error', () => undefined)
  if (request.url === '/endless') response.writeHead(200, { 'content-type': 'text/plain' }).write('first\n')
})
t.teardown(() => service.close())
const { gateway, world } = await startBehindGateway(t, [
  {
    name: 'files',
    prefix: '/files',
    origin: service.origin,
    scopes: { 'files:use': 'Use files' },
    routes: [
      { method: 'POST', path: '/upload', scopes: ['files:use'], body_bytes_max: 1_000 },
      { method: 'GET', path: '/endless', scopes: ['files:use'] },
      { method: 'GET', path: '/slow', scopes: ['files:use'] },
    ],
  },
])
const owner = await world.bearer('owner')
const keys = `/v1/tenants/${world.acme.id}/keys`

async function newKey() {
  const body = { name: 'Used', scopes: ['files:use'] }
  const made = await ask(gateway, keys, { headers: owner, body })
  t.equal(made.status, 201)
  const { id, key } = made.body as { id: string; key: string }
  return { headers: keyHeaders({ id: world.acme.id, key }), path: `${keys}/${id}` }
}

const revoke = async (path: string) =>
  t.equal((await ask(gateway, path, { method: 'DELETE', headers: owner })).status, 204)
const takeScopes = async (path: string) =>
  t.equal((await ask(gateway, path, { method: 'PATCH', headers: owner, body: { scopes: [] } })).status, 200)

/** Sends the head of a request and a part of its body. */
function openRequest(method: string, path: string, headers: Record<string, string>, body = '') {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  let text = ''
  let is_closed = false
  socket.on('data', (bytes) => (text += bytes)).on('error', () => undefined)
  socket.on('close', () => (is_closed = true))
  t.teardown(() => socket.destroy())
  socket.write([`${method} ${path} HTTP/1.1`, 'Host: x', ...lines, '', body].join('\r\n'))
  return { socket, text: () => text, isClosed: () => is_closed }
}

// Attack: sends the heads of uploads with a key that is about to be revoked, and finishes them afterwards.
for (const [what, lose, status] of [
  ['the key is revoked', revoke, '401'],
  ['the key loses its scope', takeScopes, '403'],
] as const) {
  t.test(
    `${status} an upload that has begun is refused when ${what}, and the service gets no whole request`,
    async (t) => {
      received.length = 0
      const { headers, path } = await newKey()
      const upload = openRequest('POST', '/files/upload', { ...headers, 'Content-Length': '10' }, '12345')
      await until('the service has the head', () => received.length === 1)
      await sleep(GROWN_MS)
      t.equal(upload.text(), '', 'the client may take its time')
      await lose(path)
      await until('the upload is refused', () => upload.text().startsWith(`HTTP/1.1 ${status} `))
      upload.socket.write('67890')
      await until('the service sees the end', () => received[0]?.request.destroyed === true)
      t.equal(received[0]?.is_whole, false)
    },
  )
}

// Attack: reads a response without an end, of a route that does not declare one, after the key was revoked.
t.test('a response that takes long breaks off when its caller loses access', async (t) => {
  received.length = 0
  const { headers, path } = await newKey()
  const endless = openRequest('GET', '/files/endless', headers)
  await until('it has begun', () => endless.text().includes('first'))
  const writing = setInterval(() => received[0]?.response.write('more\n'), 50)
  t.teardown(() => clearInterval(writing))
  await sleep(GROWN_MS)
  t.notOk(endless.isClosed())
  await revoke(path)
  await until('it breaks off', () => endless.isClosed())
  t.notMatch(endless.text(), /\r\n0\r\n\r\n$/, 'the client can tell that it is not the whole')
})

t.test('401 instead of a response that comes after the key was revoked', async (t) => {
  received.length = 0
  const { headers, path } = await newKey()
  const slow = openRequest('GET', '/files/slow', headers)
  await until('the service has the request', () => received.length === 1)
  await revoke(path)
  await until('it is refused', () => slow.text().startsWith('HTTP/1.1 401 '))
  t.match(slow.text(), '"code":"invalid_tenant_credentials"')
  t.match(await next(slow), /^HTTP\/1\.1 401 /, 'the connection serves the next request')
})

async function next(connection: ReturnType<typeof openRequest>): Promise<string> {
  const answered = once(connection.socket, 'data')
  connection.socket.write('GET /v1/customers HTTP/1.1\r\nHost: x\r\nX-Tenant-Id: x\r\nX-Tenant-Api-Key: y\r\n\r\n')
  return String((await answered)[0])
}

t.test('200 a response that takes long ends by itself while the gateway stops', async () => {
  received.length = 0
  const { headers } = await newKey()
  const slow = openRequest('GET', '/files/slow', headers)
  await until('the service has the request', () => received.length === 1)
  await sleep(GROWN_MS)
  const closed = gateway.app.close()
  await sleep(100)
  received[0]?.response.end('late')
  await until('it has arrived', () => slow.text().endsWith('late'))
  await closed
})
