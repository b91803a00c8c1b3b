import { connect } from 'node:net'
import { open } from '../../../src/kernel/request/access.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

let slow = 0
let behind = 0
let answer: () => void = () => undefined
const gateway = await startGateway({
  more: async (app) => {
    const schema = { response: { 200: {} } }
    app.get('/v1/slow', { config: open(), schema }, async () => {
      slow += 1
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return {}
    })
    app.get('/v1/behind', { config: open(), schema }, async () => {
      behind += 1
      return {}
    })
  },
})
t.teardown(() => gateway.close())

const line = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

/** Opens a connection, sends a text, and collects the responses. */
function send(text: string) {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect(Number(port), hostname).on('error', () => undefined)
  const state = { text: '', is_closed: false }
  socket.setEncoding('utf8').on('data', (chunk) => {
    state.text += chunk
  })
  socket.on('close', () => {
    state.is_closed = true
  })
  socket.write(text)
  return { socket, state, statuses: () => [...state.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status) }
}

// Attack: the client sends hundreds of requests in one packet and reads nothing, so that their responses fill the memory.
t.test('200 a pipelined request waits until the response before it has been sent', async (t) => {
  const before = behind
  const { socket, statuses } = send(line('/v1/slow') + line('/v1/behind').repeat(3))
  await until('the first handler runs', () => slow === 1)
  // A later request of another connection is answered. So the requests behind the slow one have been read as well.
  const other = send(line('/v1/behind'))
  await until('the other connection has its response', () => other.statuses().length === 1)
  t.equal(behind, before + 1, 'no pipelined request runs')
  answer()
  await until('all responses arrive', () => statuses().length === 4)
  t.same(statuses(), ['200', '200', '200', '200'])
  socket.destroy()
  other.socket.destroy()
})

// Attack: the client pipelines requests and disconnects, so that their handlers run for no client.
t.test('a pipelined request never runs when its connection closes before its turn', async (t) => {
  const before = behind
  const { socket } = send(line('/v1/slow') + line('/v1/behind'))
  await until('the first handler runs', () => slow === 2)
  socket.resetAndDestroy()
  await until('the gateway has noticed', async () => (await connectionsOf()) === 0)
  answer()
  const after = send(line('/v1/behind'))
  await until('another client is answered', () => after.statuses().length === 1)
  after.socket.destroy()
  t.equal(behind, before + 1)
})

// Attack: the client sends a WebSocket handshake behind another request in one packet. Nobody could accept it, and its socket
// stayed open for ever, so that a few thousand connections made the gateway unreachable and one broke its shutdown.
t.test('200 a handshake behind another request is an ordinary request, and its connection closes', async (t) => {
  await until('earlier connections are closed', async () => (await connectionsOf()) === 0)
  const handshake = [
    'GET /v1/behind HTTP/1.1',
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ]
  const clients = Array.from({ length: 20 }, () => send(`${line('/v1/behind')}${handshake.join('\r\n')}\r\n\r\n`))
  for (const { statuses } of clients) await until('both responses arrive', () => statuses().length === 2)
  t.same(new Set(clients.flatMap(({ statuses }) => statuses())), new Set(['200']))
  for (const { socket } of clients) socket.end()
  await until('the gateway has closed every connection', async () => (await connectionsOf()) === 0)
  t.notOk(gateway.lines.some((text) => text.includes('upgrade failed')))
})

t.test('503 the request beyond 16 that wait is refused, and its connection closes after it', async (t) => {
  const { state, statuses } = send(line('/v1/slow') + line('/v1/behind').repeat(30))
  await until('the first handler runs', () => slow === 3)
  answer()
  await until('the connection closes', () => state.is_closed)
  t.same(statuses(), [...Array.from({ length: 17 }, () => '200'), '503'])
  const [head = '', body = ''] = state.text.slice(state.text.lastIndexOf('HTTP/1.1 503')).split('\r\n\r\n')
  t.match(head, /connection: close/i)
  t.match(head, /retry-after: 1/i)
  t.match(JSON.parse(body), { code: 'service_unavailable', detail: /more than 16 requests/ })
})

// Attack: the client sends hundreds of requests in each packet. Node creates a request and a response for each of them before
// anything else runs, so that 50 such packets keep every other client waiting.
t.test('the gateway creates nothing for the requests of a packet after the refused one', async (t) => {
  const created: unknown[] = []
  const count = (request: unknown) => created.push(request)
  gateway.app.server.on('request', count)
  const { state, statuses } = send(line('/v1/slow') + line('/v1/behind').repeat(400))
  await until('the first handler runs', () => slow === 4)
  answer()
  await until('the connection closes', () => state.is_closed)
  gateway.app.server.off('request', count)
  t.equal(created.length, 18)
  t.same(statuses(), [...Array.from({ length: 17 }, () => '200'), '503'])
})

// Attack: behind a proxy that shares the connection, another client gets the 400 as the response to its own request.
t.test('400 a broken request behind another one is answered after it', async (t) => {
  const { state, statuses } = send(`${line('/v1/slow')}${line('/v1/behind')}BROKEN\r\n\r\n`)
  await until('the first handler runs', () => slow === 5)
  const other = send('BROKEN\r\n\r\n')
  await until('the other connection has its response', () => other.state.is_closed)
  t.same(statuses(), [], 'the slow request has no response yet')
  answer()
  await until('the connection closes', () => state.is_closed)
  t.same(statuses(), ['200', '200', '400'])
})

t.test('400 a request with a broken body is answered at once, also behind another one', async (t) => {
  const broken = 'POST /v1/behind HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n'
  const first = send(broken)
  await until('the connection closes', () => first.state.is_closed)
  t.same(first.statuses(), ['400'])
  const second = send(line('/v1/slow') + broken)
  await until('the first handler runs', () => slow === 6)
  answer()
  await until('the connection closes', () => second.state.is_closed)
  t.same(second.statuses(), ['200', '400'])
})

t.test('200 a keep-alive connection takes any number of requests one after another', async (t) => {
  const { socket, statuses } = send(line('/v1/behind'))
  for (let number = 1; number <= 100; number += 1) {
    await until(`response ${number} arrives`, () => statuses().length === number)
    socket.write(line('/v1/behind'))
  }
  await until('the last response arrives', () => statuses().length === 101)
  socket.destroy()
  t.equal(new Set(statuses()).size, 1)
})

function connectionsOf(): Promise<number> {
  return new Promise((resolve, reject) => {
    gateway.app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
  })
}
