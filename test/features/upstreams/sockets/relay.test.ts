import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { CLOSE_CODES } from '../../../../src/contract/close-codes.js'
import { type Relay, type RelayLimits, relay } from '../../../../src/features/upstreams/sockets/relay.js'
import { DialFailure, dial, SOCKET_OPTIONS } from '../../../../src/features/upstreams/sockets/relay-dial.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../process/gateway-process.js'
import { type ForeignSockets, startForeignSockets } from './foreign-sockets.js'

const LIMITS: RelayLimits = { held_bytes_max: 262_144, stalled_ms_max: 60_000, ping_every_ms: 60_000 }
const MESSAGE_BYTES_MAX = 200_000
const MIB = 1_048_576
/**
 * The operating system can buffer 32 MiB and more for each of the two connections. A gateway without backpressure would
 * have no bound.
 */
const TAKEN_MAX = 128 * MIB

t.test('messages pass in both directions unchanged: text as text, bytes as bytes, in order', async (t) => {
  const { connect } = await harness(t)
  const { caller, next } = await connect('/echo')
  for (const [data, binary] of [
    ['one', false],
    [Buffer.from([0, 255, 1]), true],
    ['', false],
    ['ünï', false],
  ] as const) {
    caller.send(data)
    t.same(await next(), { data: Buffer.from(data), binary })
  }
  const long = Buffer.alloc(MESSAGE_BYTES_MAX, 'x')
  caller.send(long)
  t.ok((await next()).data.equals(long))
})

t.test('messages that the upstream or the client sends right after the handshake arrive', async (t) => {
  const { connect } = await harness(t)
  const greeted = await connect('/greets')
  for (const word of ['first', 'second', 'third']) t.equal((await greeted.next()).data.toString(), word)
  const eager = await connect('/echo', { onOpen: (caller) => caller.send('early') })
  t.equal((await eager.next()).data.toString(), 'early')
})

t.test('a ping reaches the other side, and its pong returns with the same bytes', async (t) => {
  const { connect, foreign } = await harness(t)
  const { caller } = await connect('/echo')
  const pong = once(caller, 'pong')
  caller.ping('are you there')
  t.equal(String((await pong)[0]), 'are you there')
  t.equal(foreign.connections(), 1)
})

t.test('the client receives the close code and the reason of the upstream', async (t) => {
  const { connect } = await harness(t)
  t.same(await (await connect('/close')).closed, { code: 4321, reason: 'as agreed' })
  t.same(await (await connect('/close-without')).closed, { code: 1005, reason: '' })
})

t.test('the upstream receives the close code and the reason of the client', async (t) => {
  const { connect, foreign, relays } = await harness(t)
  const { caller } = await connect('/echo')
  caller.close(3007, 'enough')
  await until(() => foreign.closes.length === 1)
  t.same(foreign.closes[0], { code: 3007, reason: 'enough' })
  await Promise.all(relays.map(({ ended }) => ended))
  await until(() => foreign.connections() === 0)
})

t.test('1014 the client gets this code if the upstream breaks the connection or sends invalid frames', async (t) => {
  const { connect, foreign } = await harness(t)
  const broken = { code: CLOSE_CODES.bad_gateway, reason: 'the upstream broke off' }
  for (const path of ['/dies', '/invalid', '/masked']) t.same(await (await connect(path)).closed, broken, path)
  const later = await connect('/dies-later')
  later.caller.send('now')
  t.same(await later.closed, broken)
  await until(() => foreign.connections() === 0)
})

t.test('1009 both sides get this code if a message of the upstream is too long', async (t) => {
  const { connect, foreign } = await harness(t)
  const { closed } = await connect('/too-large')
  t.same(await closed, { code: CLOSE_CODES.message_too_big, reason: 'a message of the upstream is too long' })
  await until(() => foreign.closes.length === 1)
  t.equal(foreign.closes[0]?.code, CLOSE_CODES.message_too_big)
})

t.test('1001 the upstream receives this code if the client drops its connection', async (t) => {
  const { connect, foreign } = await harness(t)
  const { caller } = await connect('/echo')
  caller.terminate()
  await until(() => foreign.closes.length === 1)
  t.equal(foreign.closes[0]?.code, CLOSE_CODES.going_away)
  await until(() => foreign.connections() === 0)
})

t.test('1009 a message beyond the limit closes the connection of its sender', async (t) => {
  const { connect, foreign } = await harness(t)
  const { caller, closed } = await connect('/echo')
  caller.send(Buffer.alloc(MESSAGE_BYTES_MAX + 1))
  t.equal((await closed).code, 1009)
  await until(() => foreign.connections() === 0)
})

// Attack: a client sends invalid frames.
t.test('1002 invalid frames of a client close its own connection and no other', async (t) => {
  const { connect } = await harness(t)
  const bystander = await connect('/echo')
  const { underneath, closed } = await connect('/echo')
  underneath.write(Buffer.from([0x83, 0x80, 1, 2, 3, 4]))
  t.equal((await closed).code, 1002)
  bystander.caller.send('still here')
  t.equal((await bystander.next()).data.toString(), 'still here')
})

// Attack: one side sends without end to a side that does not read. Without backpressure the gateway would buffer
// everything.
t.test('an upstream that floods is read only as fast as the client reads', async (t) => {
  const { connect, foreign, relays } = await harness(t)
  const { caller, closed } = await connect('/flood')
  caller.pause()
  await untilSteady(() => foreign.flooded())
  t.ok(foreign.flooded() < TAKEN_MAX, `${foreign.flooded()} bytes were taken, most of them by the operating system`)
  const taken = foreign.flooded()
  caller.resume()
  await until(() => foreign.flooded() > taken + 32 * MIB)
  relays[0]?.close(1012, 'over')
  t.equal((await closed).code, 1012)
})

t.test('a client that floods is read only as fast as the upstream reads', async (t) => {
  const { connect } = await harness(t)
  const { caller } = await connect('/never-reads')
  let taken = 0
  const block = Buffer.alloc(32_768)
  const more = () => {
    if (caller.readyState !== WebSocket.OPEN) return
    caller.send(block, () => {
      taken += block.length
      setImmediate(more)
    })
  }
  more()
  await untilSteady(() => taken)
  t.ok(taken < TAKEN_MAX, `${taken} bytes were taken, most of them by the operating system`)
})

t.test('1013 a side that does not read for too long is disconnected, and the other side gets this code', async (t) => {
  const { connect, relays } = await harness(t, { ...LIMITS, stalled_ms_max: 300 })
  const { caller, closed } = await connect('/never-reads')
  const block = Buffer.alloc(65_536)
  const flood = setInterval(() => caller.send(block), 1)
  t.teardown(() => clearInterval(flood))
  t.same(await closed, { code: CLOSE_CODES.try_again_later, reason: 'the other side does not read' })
  await relays[0]?.ended
})

t.test(
  'a quiet connection stays open: the relay pings both sides, and its pongs do not reach the other side',
  async (t) => {
    // A side must answer a ping before the next one. On a loaded machine that can take some time.
    const { connect, foreign } = await harness(t, { ...LIMITS, ping_every_ms: 500 })
    const { caller, next } = await connect('/echo')
    let pings = 0
    let pongs = 0
    caller.on('ping', () => (pings += 1)).on('pong', () => (pongs += 1))
    await until(() => pings > 1 && foreign.pings() > 1)
    t.equal(pongs, 0, 'the client sent no ping, so it receives no pong')
    t.equal(foreign.pongs(), 0)
    caller.send('still here')
    t.equal((await next()).data.toString(), 'still here')
  },
)

t.test('1014 1001 a side that does not answer pings is disconnected, and the other side gets this code', async (t) => {
  const { connect, foreign } = await harness(t, { ...LIMITS, ping_every_ms: 100 })
  const lost_upstream = await connect('/never-reads')
  t.equal((await lost_upstream.closed).code, CLOSE_CODES.bad_gateway)
  const before = foreign.closes.length
  const lost_client = await connect('/echo')
  lost_client.caller.pause()
  await until(() => foreign.closes.length > before)
  t.equal(foreign.closes.at(-1)?.code, CLOSE_CODES.going_away)
})

t.test('a refused upgrade is reported with the status of the upstream, and a redirect is not followed', async (t) => {
  const { connect } = await harness(t)
  for (const status of [200, 302, 400, 401, 403, 404, 500, 503]) {
    await failsAs(t, connect(`/refuses-${status}`), { kind: 'refused', response: { statusCode: status } })
  }
  t.end()
})

t.test('an upstream that hangs up, sends garbage or sends the wrong key is unreachable', async (t) => {
  const { connect } = await harness(t)
  for (const path of ['/hangs-up', '/garbage', '/wrong-key']) {
    await failsAs(t, connect(path), { kind: 'broken', was_connected: true })
  }
  await failsAs(t, connect('/echo', { origin: 'ws://127.0.0.1:9' }), { kind: 'unreachable', was_connected: false })
  t.end()
})

t.test('a dial ends if the upstream sends no response in time, or if the client disconnects', async (t) => {
  const { connect, foreign } = await harness(t)
  await failsAs(t, connect('/never', { timeout_ms: 200 }), { kind: 'timeout', was_connected: true })
  await failsAs(t, connect('/never', { signal: AbortSignal.timeout(200) }), { kind: 'aborted' })
  await failsAs(t, connect('/never', { signal: AbortSignal.abort() }), { kind: 'aborted' })
  await until(() => foreign.connections() === 0)
})

t.test('the upstream selects one of the subprotocols that the client offers', async (t) => {
  const { connect } = await harness(t)
  const { caller } = await connect('/echo', { protocols: ['status.v2', 'status.v1'] })
  t.equal(caller.protocol, 'status.v2')
})

async function failsAs(t: Test, dialling: Promise<unknown>, expected: Record<string, unknown>) {
  const failure = await dialling.then(
    () => 'it was accepted',
    (error: unknown) => error,
  )
  t.ok(failure instanceof DialFailure)
  t.match(failure, expected)
}

interface Wish {
  origin?: string
  protocols?: string[]
  timeout_ms?: number
  signal?: AbortSignal
  onOpen?: (caller: WebSocket) => void
}

/** A relay between a client and the foreign server, without the rest of the gateway. */
async function harness(t: Test, limits = LIMITS) {
  const foreign: ForeignSockets = await startForeignSockets()
  const relays: Relay[] = []
  const upgrades = new WebSocketServer({ noServer: true, ...SOCKET_OPTIONS, maxPayload: MESSAGE_BYTES_MAX })
  const server = createServer()
  let prepared: WebSocket
  server.on('upgrade', (request, socket: Socket, head) =>
    upgrades.handleUpgrade(request, socket, head, (caller) => relays.push(relay(caller, prepared, limits))),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const callers = new Set<WebSocket>()
  t.teardown(async () => {
    for (const caller of callers) caller.terminate()
    await foreign.close()
    server.closeAllConnections()
    server.close()
  })

  async function connect(path: string, wish: Wish = {}) {
    const { origin = foreign.origin.replace('http', 'ws'), protocols = [], timeout_ms = 5_000 } = wish
    const signal = wish.signal ?? new AbortController().signal
    const limits = { message_bytes_max: MESSAGE_BYTES_MAX, timeout_ms, connect_ms: timeout_ms }
    const dialling = { url: origin + path, headers: {}, protocols, ...limits }
    prepared = await dial(dialling, signal)
    const caller = new WebSocket(`ws://127.0.0.1:${port}/`, protocols)
    callers.add(caller)
    const messages: { data: Buffer; binary: boolean }[] = []
    caller.on('message', (data: Buffer, binary) => messages.push({ data, binary }))
    caller.on('error', () => undefined)
    const closed = new Promise<{ code: number; reason: string }>((resolve) =>
      caller.once('close', (code, reason) => resolve({ code, reason: reason.toString() })),
    )
    let underneath: Socket | undefined
    caller.once('upgrade', ({ socket }) => {
      underneath = socket
    })
    if (wish.onOpen !== undefined) caller.once('open', () => wish.onOpen?.(caller))
    await once(caller, 'open')
    const next = async () => {
      await until(() => messages.length > 0)
      return messages.shift() as { data: Buffer; binary: boolean }
    }
    return { caller, underneath: underneath as unknown as Socket, closed, next }
  }
  return { foreign, relays, connect }
}

/** Resolves when a number has not grown for 500 ms. */
async function untilSteady(read: () => number): Promise<void> {
  let last = -1
  let steady_since = Date.now()
  await until(() => {
    const now = read()
    if (now !== last) steady_since = Date.now()
    last = now
    return now > 0 && Date.now() - steady_since > 500
  })
}
