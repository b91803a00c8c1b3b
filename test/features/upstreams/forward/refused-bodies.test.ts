import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { ask } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { keyHeaders } from '../../../helpers/world.js'
import { everything, startBehindGateway } from '../behind-gateway.js'
import { startHostile } from './hostile.js'

const hostile = await startHostile()
t.teardown(() => hostile.close())
const gone = everything('http://127.0.0.1:9', { name: 'gone', prefix: '/gone' })
const closed = everything('http://127.0.0.1:9', {
  name: 'closed',
  prefix: '/closed',
  breaker: { failures: 1, open_ms: 600_000 },
})
const { gateway, world } = await startBehindGateway(t, [
  everything(hostile.origin, { timeout_ms: 1_000 }),
  gone,
  closed,
])
const headers = keyHeaders(world.acme)
const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
const head = (line: string, more = '') => `${line} HTTP/1.1\r\nHost: x\r\n${lines.join('')}${more}\r\n`
// This request opens the breaker, so the gateway refuses the next ones before it connects.
await ask(gateway, '/closed/x', { headers })

function open(): Socket {
  const { hostname, port } = new URL(gateway.url)
  return connect(Number(port), hostname).on('error', () => undefined)
}

// Attack: sends two requests at once and disconnects while the gateway refuses the second in the middle of its body. An
// unhandled `error` event would end the process and the requests of all clients.
for (const [prefix, refusal] of [
  ['gone', 'upstream_unreachable'],
  ['closed', 'upstream_unavailable'],
] as const) {
  t.test(`a client that disconnects in the middle of its body disturbs no other request: ${refusal}`, async (t) => {
    const refusals = () => gateway.lines.filter((line) => line.includes(refusal)).length
    const before = { refusals: refusals(), received: hostile.received.length, connections: hostile.connections() }
    const socket = open()
    socket.write(head('GET /hostile/stall-head'))
    await until('the first request runs', () => hostile.received.length > before.received)
    socket.write(`${head(`POST /${prefix}/x`, 'Content-Length: 100000\r\n')}abc`)
    await until('the second request is refused', () => refusals() > before.refusals)
    socket.destroy()
    await until('the first upstream connection is closed', () => hostile.connections() <= before.connections)
    t.equal((await ask(gateway, '/hostile/echo', { headers })).status, 200)
  })

  // Behind a proxy, the next request on this connection can come from another client.
  t.test(`an unread body does not delay the next request on the connection: ${refusal}`, async (t) => {
    const socket = open()
    const body = 'x'.repeat(240_000)
    socket.write(`${head(`POST /${prefix}/x`, `Content-Length: ${body.length}\r\n`)}${body}`)
    socket.write(head('GET /hostile/echo', 'Connection: close\r\n'))
    const began_at_ms = performance.now()
    const answers = await text(socket)
    t.match(answers, new RegExp(`^HTTP/1.1 50[23] [^]*"${refusal}"[^]*HTTP/1.1 200 OK`))
    t.ok(performance.now() - began_at_ms < 20_000, 'the response arrives before the request timeout')
  })
}
