import { randomUUID } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Test } from 'tap'
import { t } from '../../../helpers/t.js'
import { keyHeaders } from '../../../helpers/world.js'
import { until } from '../../../process/gateway-process.js'
import { everything, startBehindGateway, startInFront } from '../behind-gateway.js'
import { startHostile } from './hostile.js'
import { DRIP_BYTES, HUGE_BYTES, STOLEN } from './hostile-answers.js'

const TIMEOUT_MS = 700
const MIB = 1_048_576

/** How a request ended: with a complete response, or with one that was cut off. */
interface Outcome {
  readonly status: number
  readonly text: string
  readonly is_whole: boolean
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly bytes: number
}

const hostile = await startHostile()
t.teardown(() => hostile.close())
const { gateway, world } = await startBehindGateway(t, [everything(hostile.origin, { timeout_ms: TIMEOUT_MS })])
const identified = keyHeaders(world.acme)

/** Each behaviour with the response that the client gets. `broken` is a response that begins and is visibly cut off. */
const CASES: readonly (readonly [name: string, status: number, outcome?: string])[] = [
  ['stall-head', 504],
  ['stall-in-head', 504],
  ['stall-body', 200, 'broken'],
  ['drip', 200, '.'.repeat(DRIP_BYTES)],
  ['short', 200, 'broken'],
  ['short-chunked', 200, 'broken'],
  ['bad-chunks', 200, 'broken'],
  ['reset-in-body', 200, 'broken'],
  ['long', 200, 'ten bytes.'],
  ['two-lengths', 502],
  ['negative-length', 502],
  ['length-and-chunks', 502],
  ['until-close', 200, 'until the end'],
  ['body-of-204', 204, ''],
  ['length-of-204', 502],
  ['chunks-of-204', 502],
  ['length-of-205', 502],
  ['empty-204', 204, ''],
  ['empty-205', 205, ''],
  ['body-of-304', 304, ''],
  // The Content-Length of the response to a GET (RFC 9110 section 8.6). Many servers send it with 304.
  ['length-of-304', 304, ''],
  ['two-answers', 200, 'mine'],
  ['late-answer', 200, 'mine'],
  ['close-early', 502],
  ['reset', 502],
  ['close-in-head', 502],
  ['close-after', 200, 'the last on this connection'],
  ['bad-name', 502],
  ['bad-value', 502],
  ['bare-cr', 502],
  ['no-colon', 502],
  ['bad-status', 502],
  ['no-http', 502],
  ['huge-headers', 502],
  ['many-headers', 502],
  ['odd-bytes', 200, 'odd'],
  // The gateway did not send `Expect`, and undici does not use a connection after an unexpected 100.
  ['continue', 502],
  ['early-hints', 200, 'after 103'],
  ['endless-hints', 502],
  ['switches', 502],
  ['trailers', 200, 'hello'],
]

for (const [name, status, outcome] of CASES) {
  const what = outcome === 'broken' ? 'a response that is visibly cut off' : 'the response'
  t.test(`${status} ${name}: ${what}, and no byte of it reaches the next request`, async (t) => {
    const { is_whole, text, ...answer } = await ask('GET', name)
    t.equal(answer.status, status)
    t.equal(is_whole, outcome !== 'broken')
    if (status >= 500) t.match(JSON.parse(text), { status, code: String }, 'a problem of the gateway')
    else if (is_whole) t.equal(text, outcome)
    // Attack: sends a second response on a kept-alive connection, for the next request there.
    t.notMatch(text, STOLEN)
    // Bytes that arrive on an idle connection close it. If the next request were already on the connection, HTTP/1.1
    // could not tell the responses apart. So the test waits for the close first.
    const connection = hostile.received.at(-1)?.connection as number
    if (name === 'late-answer') await until(() => !hostile.isOpen(connection))
    await stillWorks(t)
  })
}

t.test('502 an unexpected 100 of a service does not open the breaker', async (t) => {
  const strict = { breaker: { failures: 1 } }
  const other = await startInFront(t, [everything(hostile.origin, strict)], { on: gateway.test_database })
  const statusOf = async (method: string, path: string, headers = identified) =>
    (await fetch(`${other.url}/hostile/${path}`, { method, headers })).status
  // Failed responses open the breaker only if they are of two tenants.
  for (let round = 0; round < 25; round += 1) {
    const headers = keyHeaders(round % 2 === 0 ? world.acme : world.globex)
    t.equal(await statusOf('POST', 'continue', headers), 502)
  }
  t.ok(
    [...(other.upstreams?.current().upstreams.values() ?? [])].every(
      ({ backends: [backend] }) => backend?.breaker.state === 'closed',
    ),
  )
  t.equal(await statusOf('GET', 'echo'), 200)
})

t.test('200 a response to HEAD with a body does not corrupt the connection', async (t) => {
  const { status, text } = await ask('HEAD', 'body-of-head')
  t.equal(status, 200)
  t.equal(text, '')
  await stillWorks(t)
})

t.test('302 the gateway passes a redirect on, and never follows it', async (t) => {
  const before = hostile.received.length
  const { status, text } = await ask('GET', 'redirect')
  t.equal(status, 302)
  t.equal(text, '')
  t.equal(hostile.received.length, before + 1)
})

// Attack: an upstream sends headers of the gateway, or sets cookies and CORS headers on its origin.
t.test('401 of an upstream passes, without the headers that an upstream may not set', async (t) => {
  const { status, text, headers } = await ask('GET', 'their-headers')
  t.equal(status, 401)
  t.equal(text, '{"theirs":true}')
  const unwanted = ['www-authenticate', 'set-cookie', 'x-private', 'proxy-authenticate', 'upgrade', 'x-powered-by']
  for (const name of [...unwanted, 'x-gatehouse-tenant', 'access-control-allow-credentials']) {
    t.equal(headers[name], undefined, name)
  }
  t.not(headers['access-control-allow-origin'], '*')
  t.not(headers['x-request-id'], 'theirs')
  t.not(headers.ratelimit, '"theirs";r=0;t=9')
  t.not(headers.server, 'hostile/1.0')
})

t.test('200 trailers do not become headers', async (t) => {
  const { headers } = await ask('GET', 'trailers')
  t.equal(headers['set-cookie'], undefined)
  t.equal(headers['x-checksum'], undefined)
})

t.test('413 a response that arrives before the body was read reaches the client', async (t) => {
  for (const name of ['early-answer', 'early-answer-close']) {
    const { status, text } = await ask('POST', name, Buffer.alloc(4 * MIB))
    t.equal(status, 413, name)
    t.equal(text, 'too much', name)
    await stillWorks(t)
  }
})

t.test('504 an upstream does not read the body', async (t) => {
  const { status } = await ask('POST', 'never-reads', Buffer.alloc(8 * MIB))
  t.equal(status, 504)
  await stillWorks(t)
})

t.test('200 502 a connection that closes after its first response loses at most the request on it', async (t) => {
  // Each connection serves one response. A GET can be retried, a POST may have been carried out.
  for (let round = 0; round < 4; round += 1) {
    const { status } = await ask('POST', 'close-second')
    t.ok([200, 502].includes(status), `${status}`)
  }
  await stillWorks(t)
})

t.test('200 a response of 100 MiB passes completely', async (t) => {
  const { status, bytes, is_whole } = await ask('GET', 'huge')
  t.equal(status, 200)
  t.equal(bytes, HUGE_BYTES)
  t.ok(is_whole)
})

t.test('a client that disconnects ends its upstream request', async (t) => {
  await until(() => hostile.connections() < 20)
  const before = hostile.received.length
  const outgoing = httpRequest(`${gateway.url}/hostile/stall-head`, { headers: identified })
  outgoing.on('error', () => undefined).end()
  await until(() => hostile.received.length > before)
  const open = hostile.connections()
  outgoing.socket?.resetAndDestroy()
  await until(() => hostile.connections() < open, TIMEOUT_MS * 20)
  await stillWorks(t)
})

// Attack: disconnects during authentication. If the gateway sent the request then, no close event would end it, and
// each such request would hold a connection until a timeout.
t.test('499 the request of a client that disconnects during authentication never reaches the upstream', async (t) => {
  const wait = async ({ url, raw }: FastifyRequest) => {
    if (!url.includes('/leaving') || raw.socket.destroyed) return
    await new Promise((resolve) => raw.socket.once('close', resolve))
  }
  const hold = (message: unknown) => {
    ;(message as { fastify: FastifyInstance }).fastify.addHook('preValidation', wait)
  }
  subscribe('fastify.initialization', hold)
  const other = await startInFront(t, [everything(hostile.origin)], { on: gateway.test_database })
  unsubscribe('fastify.initialization', hold)
  const before = hostile.received.length
  const outgoing = httpRequest(`${other.url}/hostile/leaving`, { headers: identified })
  outgoing.on('error', () => undefined).end()
  await once(outgoing, 'finish')
  setTimeout(() => outgoing.socket?.resetAndDestroy(), 100)
  const outcome = () => other.lines.find((line) => line.includes('"outcome"'))
  await until(() => outcome() !== undefined)
  t.match(JSON.parse(String(outcome())), { status: 499, upstream: { name: 'hostile', outcome: 'aborted', tries: 0 } })
  t.equal(hostile.received.length, before)
})

/** Asserts that the pool still works: each of the next requests gets its own response. */
async function stillWorks(t: Test): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    const marker = `marker-${randomUUID()}`
    const { status, text } = await ask('GET', `echo/${marker}`)
    t.equal(status, 200, 'the next request')
    t.match(JSON.parse(text), { target: new RegExp(`/echo/${marker}$`) })
  }
}

async function ask(method: string, path: string, body?: Buffer): Promise<Outcome> {
  const outgoing = httpRequest(`${gateway.url}/hostile/${path}`, { method, headers: identified })
  // The response can arrive, and the connection close, before the whole body was sent.
  const answered = new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve)
    outgoing.on('error', reject)
  })
  outgoing.end(body)
  const response = await answered
  let text = ''
  let bytes = 0
  response.setEncoding('latin1')
  response.on('data', (chunk: string) => {
    bytes += chunk.length
    if (text.length < MIB) text += chunk
  })
  response.on('error', () => undefined)
  await new Promise((resolve) => response.once('close', resolve))
  outgoing.destroy()
  const { statusCode = 0, headers, complete } = response
  return { status: statusCode, text, is_whole: complete, headers, bytes }
}
