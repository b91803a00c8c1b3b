import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { everything, startBehindGateway } from '../../features/upstreams/behind-gateway.js'
import { startService } from '../../features/upstreams/services.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { keyHeaders } from '../../helpers/world.js'

/** Connections whose client has closed its sending side, as the gateway sees it, since the current request began. */
let half_closed = 0
const service = await startService(async (request, response) => {
  if (request.url === '/never') return
  let body = ''
  for await (const chunk of request) body += chunk
  await until('the client has closed its sending side', () => half_closed > 0)
  response.end(`received ${body}`)
})
t.teardown(() => service.close())
const { gateway, world } = await startBehindGateway(t, [everything(service.origin, { timeout_ms: 1_000 })])
gateway.app.server.on('connection', (socket: Socket) => {
  socket.once('end', () => {
    half_closed += 1
  })
})
const lines = Object.entries(keyHeaders(world.acme)).map(([name, value]) => `${name}: ${value}\r\n`)

/** Sends a request, closes the sending side, and returns everything that arrives until the gateway closes. */
function sendAndClose(bytes: string): Promise<string> {
  half_closed = 0
  const { hostname, port } = new URL(gateway.url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  socket.end(bytes)
  return text(socket)
}

// Some clients and load balancers close their sending side after the request (RFC 9112 section 9.6).
t.test('200 401 a client that closes its sending side after its request receives the whole response', async (t) => {
  const login = '{"email":"a@b.example","password":"xxxxxxxxxxxx"}'
  const json = `Content-Type: application/json\r\nContent-Length: ${login.length}\r\n`
  const own = await sendAndClose(`POST /v1/auth/login HTTP/1.1\r\nHost: x\r\n${json}\r\n${login}`)
  t.match(own, /^HTTP\/1\.1 401 [\s\S]*invalid_credentials/)
  const get = await sendAndClose(`GET /hostile/x HTTP/1.1\r\nHost: x\r\n${lines.join('')}\r\n`)
  t.match(get, /^HTTP\/1\.1 200 [\s\S]*received /)
  const head = `POST /hostile/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n${lines.join('')}\r\n`
  t.match(await sendAndClose(`${head}hi`), /^HTTP\/1\.1 200 [\s\S]*received hi/)
})

// Attack: closes the sending side of many connections, so that each holds memory and a connection of the upstream.
t.test('504 a connection whose client has closed its sending side ends with the timeout of its request', async (t) => {
  const answer = await sendAndClose(`GET /hostile/never HTTP/1.1\r\nHost: x\r\n${lines.join('')}\r\n`)
  t.match(answer, /^HTTP\/1\.1 504 /)
  const connections = promisify(gateway.app.server.getConnections.bind(gateway.app.server))
  await until('no connection is open', async () => (await connections()) === 0)
})
