import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { generateSigningKeys } from '../../../../src/kernel/config/secrets.js'
import { openEvents } from '../../../helpers/event-streams.js'
import type { TestGateway } from '../../../helpers/gateway.js'
import { ask } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { keyHeaders } from '../../../helpers/world.js'
import { startBehindGateway, startInFront, type Written } from '../behind-gateway.js'
import { startService } from '../services.js'

const TIMEOUT_MS = 200
const EVENT = 'data: {"type":"news"}\n\n'

/** Each response that the service holds open, by path. */
const open = new Map<string, ServerResponse[]>()
const openAt = (path: string) => open.get(path) ?? []
const service = await startService((request, response) => {
  request.resume()
  const path = request.url ?? ''
  if (path === '/plain') return void response.end('{}')
  const all = openAt(path)
  open.set(path, [...all, response])
  response.on('close', () =>
    open.set(
      path,
      openAt(path).filter((each) => each !== response),
    ),
  )
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write(EVENT)
})
t.teardown(() => service.close())

const news = (more: Written = {}): Written => ({
  name: 'news',
  prefix: '/news',
  origin: service.origin,
  connections_max: 2,
  scopes: { 'news:view': 'Read the news' },
  timeout_ms: TIMEOUT_MS,
  routes: [
    { method: 'GET', path: '/events', scopes: ['news:view'], stream: {} },
    { method: 'GET', path: '/few', scopes: [], stream: { connections_per_tenant_max: 2 } },
    { method: 'GET', path: '/short', scopes: [], stream: { idle_ms_max: 1_000 } },
    { method: 'GET', path: '/no-stream', scopes: [] },
    { method: 'GET', path: '/plain', scopes: [] },
  ],
  ...more,
})
const signing_keys = generateSigningKeys()
const { gateway, world } = await startBehindGateway(t, [news()], { signing_keys })
const owner = await world.as('owner')
const another = (t: Test, upstream: Written) => startInFront(t, [upstream], { signing_keys, on: gateway.test_database })

async function openStream(path: string, headers = owner, at: Pick<TestGateway, 'url'> = gateway) {
  const stream = openEvents(at, path, headers)
  t.teardown(() => stream.close())
  await stream.event('news')
  return stream
}

t.test('200 a stream may be silent for longer than timeout_ms, but not for longer than idle_ms_max', async (t) => {
  const stream = await openStream('/news/events')
  const other = await openStream('/news/no-stream')
  const short = await openStream('/news/short')
  await other.closed()
  t.notOk(short.state.is_closed, 'idle_ms_max is longer than timeout_ms')
  await short.closed()
  t.notOk(short.state.response?.complete, 'the client can detect that the response broke off')
  t.notOk(stream.state.is_closed)
  openAt('/events')[0]?.write(EVENT)
  await until('the next event arrives', () => stream.events.length === 2)
  stream.close()
  await until('the service sees the client leave', () => openAt('/events').length === 0)
})

t.test('a silent stream outlives the timeout of idle connections, and gives the connection back', async (t) => {
  const sockets: Socket[] = []
  const keep = (socket: Socket) => void sockets.push(socket)
  gateway.app.server.on('connection', keep)
  const { hostname, port } = new URL(gateway.url)
  const client = connect(Number(port), hostname).on('error', () => undefined)
  t.teardown(() => client.destroy())
  let text = ''
  client.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const lines = Object.entries({ host: 'x', ...owner }).map(([name, value]) => `${name}: ${value}\r\n`)
  const send = (path: string) => client.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  send('/news/events')
  await until('the stream has begun', () => text.includes('news'))
  t.equal(sockets[0]?.timeout, 0)
  openAt('/events')[0]?.end()
  await until('the stream is complete', () => text.endsWith('0\r\n\r\n'))
  text = ''
  send('/news/no-stream')
  await until('the next response on the connection has begun', () => text.includes('news'))
  t.equal(sockets[0]?.timeout, 60_000)
  gateway.app.server.off('connection', keep)
  await until('timeout_ms ends the response', () => openAt('/no-stream').length === 0)
})

// Attack: opens streams and leaves them silent, so that other requests, of any tenant, find no connection.
t.test('200 429 streams use no connection of other requests, and have a limit for each tenant', async (t) => {
  const streams = [await openStream('/news/few'), await openStream('/news/few')]
  const refused = await ask(gateway, '/news/few', { headers: owner })
  t.match(refused, { status: 429, body: { code: 'too_many_connections' } })
  t.ok(refused.headers.get('retry-after'))
  t.equal((await ask(gateway, '/news/plain', { headers: owner })).status, 200)
  streams.push(await openStream('/news/few', await world.as('other_owner', world.globex)))
  streams[0]?.close()
  await until('the service sees the client leave', () => openAt('/few').length === 2)
  streams.push(await openStream('/news/few'))
  for (const stream of streams) stream.close()
  await until('the service has no stream', () => openAt('/few').length === 0)
})

// Attack: leaves a silent stream. TCP tells the gateway only that the client sends no more, which a client may do that
// still reads.
t.test('a silent stream of a client that closed its sending side ends after timeout_ms', async (t) => {
  const { hostname, port } = new URL(gateway.url)
  const lines = Object.entries({ host: 'x', ...owner }).map(([name, value]) => `${name}: ${value}\r\n`)
  for (const when of ['with the request', 'during the response']) {
    const client = connect({ port: Number(port), host: hostname, allowHalfOpen: true }).on('error', () => undefined)
    t.teardown(() => client.destroy())
    client.write(`GET /news/events HTTP/1.1\r\n${lines.join('')}\r\n`)
    if (when === 'with the request') client.end()
    await once(client, 'data')
    client.end()
    await until(`the service sees the client leave: ${when}`, () => openAt('/events').length === 0)
  }
})

t.test('a stream ends when its caller loses a scope or its key', async (t) => {
  const body = { name: 'For a stream', scopes: ['news:view'] }
  const keys = `/v1/tenants/${world.acme.id}/keys`
  const made = await ask(gateway, keys, { headers: owner, body })
  t.equal(made.status, 201, made.text)
  const by_key = await openStream('/news/events', keyHeaders({ id: world.acme.id, key: made.body.key }))
  const by_owner = await openStream('/news/events')
  t.equal((await ask(gateway, `${keys}/${made.body.id}`, { method: 'DELETE', headers: owner })).status, 204)
  await by_key.closed()
  t.notOk(by_key.state.response?.complete)
  t.notOk(by_owner.state.is_closed, 'a stream of another caller stays open')
  by_owner.close()
  await until('the service has no stream', () => openAt('/events').length === 0)
})

t.test('a stream ends when the manifest no longer declares it', async (t) => {
  const other = await another(t, news())
  const stream = await openStream('/news/events', owner, other)
  const file = String(other.config.upstreams_file)
  writeFileSync(file, JSON.stringify({ upstreams: [news({ prefix: '/other' })] }))
  other.upstreams?.reload()
  await stream.closed()
  await until('the service has no stream', () => openAt('/events').length === 0)
})

t.test('a stream ends when the gateway shuts down', async (t) => {
  const other = await another(t, news())
  const stream = await openStream('/news/events', owner, other)
  await other.app.close()
  t.ok(stream.state.is_closed || (await stream.closed()))
  await until('the service has no stream', () => openAt('/events').length === 0)
})
