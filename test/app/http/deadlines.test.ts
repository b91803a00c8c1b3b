import { connect } from 'node:net'
import { Agent, request } from 'undici'
import { open } from '../../../src/kernel/request/access.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

let answerLate: (body: object) => void = () => undefined
let is_over = false
const gateway = await startGateway({
  more: async (app) => {
    const schema = { response: { 200: {}, 503: {} } }
    app.get('/v1/slow', { config: { ...open(), handler_ms_max: 50 }, schema }, async () => {
      const body = await new Promise<object>((resolve) => {
        answerLate = resolve
      })
      is_over = true
      return body
    })
    const received = { response: { 201: {}, 408: {}, 503: {} } }
    app.post('/v1/sent', { config: open(), schema: received }, async (_request, reply) => {
      reply.code(201)
      return {}
    })
    app.get('/v1/quick', { config: open(), schema }, async () => ({ whose: 'quick' }))
  },
})
t.teardown(() => gateway.close())
// A test cannot wait 30 s, so this file moves the clock of the deadlines.
const now = performance.now.bind(performance)
let skipped_ms = 0
t.teardown(() => Object.assign(performance, { now }))
Object.assign(performance, { now: () => now() + skipped_ms })

// With a single connection, a late response to the first request would arrive as the response to the second one.
const dispatcher = new Agent({ connections: 1, pipelining: 1 })
t.teardown(() => dispatcher.close())
const get = async (path: string) => {
  const { statusCode: status, headers, body } = await request(gateway.url + path, { dispatcher })
  return { status, headers, body: (await body.json()) as Record<string, unknown> }
}

// Attack: a client sends a request that makes the handler wait without end. The connection would stay open as well.
t.test(
  '503 with Retry-After if a handler exceeds handler_ms_max, and the gateway discards its late response',
  async (t) => {
    const { status, headers, body } = await get('/v1/slow')
    t.equal(status, 503)
    t.match(body, { code: 'service_unavailable', detail: String })
    t.match(headers['retry-after'], /^\d+$/)
    answerLate({ whose: 'slow' })
    await until('the handler ends', () => is_over)
    t.match(await get('/v1/quick'), { status: 200, body: { whose: 'quick' } })
  },
)

// Attack: sends a body one byte at a time, on many connections. 503 would blame the gateway, and clients would try again.
t.test('408 if the body does not arrive within 30 s; a body that takes 25 s leaves the handler its time', async (t) => {
  const { port, hostname } = new URL(gateway.url)
  const begin = () => {
    const socket = connect(Number(port), hostname).setEncoding('utf8')
    const received = { text: '', is_closed: false }
    socket.on('data', (chunk: string) => {
      received.text += chunk
    })
    socket.on('close', () => {
      received.is_closed = true
    })
    const head = 'POST /v1/sent HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n'
    socket.write(`${head}expect: 100-continue\r\n\r\n`)
    return { socket, received }
  }
  const [slow, slower] = [begin(), begin()]
  for (const { received } of [slow, slower]) {
    await until('the gateway waits for the body', () => received.text.includes('100 Continue'))
  }
  skipped_ms = 25_000
  // The deadlines have been checked at least once when this handler exceeds its own.
  t.equal((await get('/v1/slow')).status, 503)
  slow.socket.write('{}')
  await until('the first request has its response', () => slow.received.text.includes('201 Created'))
  skipped_ms = 31_000
  await until('the second connection is closed', () => slower.received.is_closed)
  t.match(slower.received.text, /408 Request Timeout\r\n/)
  t.match(slower.received.text, /"code":"request_timeout"/)
  t.match(slower.received.text, /connection: close/i)
  slow.socket.destroy()
  skipped_ms = 0
})

// Attack: a client disconnects a thousand times. A thousand warnings about slow handlers would hide a real one.
t.test('a request whose client disconnects logs no warning about a slow handler', async (t) => {
  const from = gateway.lines.length
  const { port, hostname } = new URL(gateway.url)
  const before = answerLate
  const socket = connect(Number(port), hostname)
  socket.write('GET /v1/slow HTTP/1.1\r\nhost: x\r\n\r\n')
  await until('the handler waits', () => answerLate !== before)
  socket.resetAndDestroy()
  // The deadline of this second request is later. When it answers, the deadline of the first request has passed.
  t.equal((await get('/v1/slow')).status, 503)
  const warnings = gateway.lines.slice(from).filter((line) => line.includes('the handler took too long'))
  t.equal(warnings.length, 1, 'only for the second request')
})
