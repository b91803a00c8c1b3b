import WebSocket from 'ws'
import { conversationCalls } from '../helpers/conversations.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { until } from '../helpers/until.js'
import type { GatewayProcess } from '../process/gateway-process.js'
import { startRedis } from './redis-server.js'
import { quantile, startReplicas } from './replicas.js'

const SOCKETS = Number(process.env.MANY_SOCKETS ?? 120)
const MESSAGES_PER_SECOND = Number(process.env.MANY_MESSAGES ?? 50)
const SECONDS = Number(process.env.MANY_SECONDS ?? 6)
/** Sockets that follow the same conversation. */
const TOGETHER = 20
const RECONNECT_MS = 100

t.setTimeout(600_000)
const redis = await startRedis(t)
const replicas = await startReplicas(t, {
  REDIS_URL: redis.url,
  CONNECTIONS_TENANT: '100000',
  CONNECTIONS_USER: '100000',
})
const { maker, world, start } = replicas
const processes: GatewayProcess[] = [...replicas.processes]
const calls = conversationCalls(maker, world)
const headers = await world.as('lead')
const conversations: string[] = []
while (conversations.length < Math.ceil(SOCKETS / TOGETHER)) conversations.push((await calls.open()).id)

/** A client that reads one conversation, and comes back at another replica, after the last change that it has. */
class Reader {
  readonly faults: string[] = []
  seen = 0
  connections = 0
  #socket: WebSocket | undefined
  #is_done = false

  constructor(
    private readonly id: string,
    private at: number,
    private readonly waits: number[],
  ) {}

  connect(): void {
    if (this.#is_done) return
    const { url } = processes[this.at % processes.length] as GatewayProcess
    const path = `/v1/conversations/${this.id}/stream?after=${this.seen}`
    const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, { headers })
    this.#socket = socket
    socket.on('open', () => {
      this.connections += 1
    })
    socket.on('message', (data) => this.#onFrame(String(data)))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.at += 1
      setTimeout(() => this.connect(), RECONNECT_MS * Math.random())
    })
  }

  end(): void {
    this.#is_done = true
    this.#socket?.terminate()
  }

  #onFrame(text: string): void {
    const { type, payload } = JSON.parse(text) as { type: string; payload: { seq: number; content: string } }
    if (type !== 'chat_message') return
    if (payload.seq !== this.seen + 1) this.faults.push(`${payload.seq} after ${this.seen}`)
    this.seen = payload.seq
    this.waits.push(Date.now() - Number(payload.content))
  }
}

t.test('no socket misses a message or gets one twice while Redis restarts and a replica is killed', async (t) => {
  const waits: number[] = []
  const readers = Array.from(
    { length: SOCKETS },
    (_, index) => new Reader(conversations[index % conversations.length] as string, index, waits),
  )
  t.teardown(() => {
    for (const reader of readers) reader.end()
  })
  for (const [index, reader] of readers.entries()) {
    reader.connect()
    if (index % 50 === 49) await until('they are connected', () => readers[index]?.connections === 1)
  }
  await until('all are connected', () => readers.every(({ connections }) => connections === 1))
  const written = new Map<string, number>(conversations.map((id) => [id, 0]))
  const total = MESSAGES_PER_SECOND * SECONDS
  let next = 0
  let refused = 0
  const began = performance.now()
  const write = async () => {
    while (next < total) {
      const index = next++
      // Not sooner than its turn.
      const due_ms = began + (index * 1000) / MESSAGES_PER_SECOND
      if (due_ms > performance.now()) await new Promise((resolve) => setTimeout(resolve, due_ms - performance.now()))
      const id = conversations[index % conversations.length] as string
      const on = processes[index % processes.length] as GatewayProcess
      // A message that was not acknowledged may be there or not, so it is sent again under its id.
      const more = { headers: { ...headers, 'idempotency-key': `message-${index}` } }
      const body = { content: String(Date.now()) }
      for (let tries = 0; ; tries += 1) {
        const at = tries === 0 ? on : (processes[(index + tries) % processes.length] as GatewayProcess)
        const answer = await ask(at, `/v1/conversations/${id}/messages`, { ...more, body }).catch(() => undefined)
        if (answer?.status === 201) break
        refused += 1
        if (tries > 100) throw new Error(answer?.text)
        if (answer !== undefined && ![503, 409].includes(answer.status)) throw new Error(answer.text)
        // A replica that was killed leaves its request under way until another one takes it over.
        const wait_seconds = Number(answer?.headers.get('retry-after') ?? 0)
        await new Promise((resolve) => setTimeout(resolve, wait_seconds * 1000))
      }
      written.set(id, (written.get(id) ?? 0) + 1)
    }
  }
  const writing = Promise.all(Array.from({ length: 12 }, write))
  const part = (share: number) => until('it is time', () => next >= total * share, { within_ms: 300_000 })
  for (const share of [0.2, 0.6]) {
    await part(share)
    await redis.kill()
    await redis.start()
  }
  await part(0.4)
  const victim = processes[1] as GatewayProcess
  victim.child.kill('SIGKILL')
  await victim.exit
  await part(0.8)
  processes[1] = await start({ PORT: victim.port })
  await writing
  const seconds = (performance.now() - began) / 1000
  const isThrough = () =>
    readers.every((reader, index) => reader.seen === written.get(conversations[index % conversations.length] as string))
  await until('every socket has every message', isThrough, { within_ms: 60_000 })
  t.same(
    readers.flatMap(({ faults }) => faults),
    [],
    'in order, none missing, none twice',
  )
  const again = readers.filter(({ connections }) => connections > 1).length
  t.ok(again >= Math.floor(SOCKETS / processes.length) - 1, `${again} came back at another replica`)
  t.comment(
    `${SOCKETS} sockets, ${total} messages in ${seconds.toFixed(0)} s, ${refused} sent again; ms until a socket has it: p50 ${quantile(waits, 0.5)}, p99 ${quantile(waits, 0.99)}`,
  )
})
