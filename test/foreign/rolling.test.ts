import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import WebSocket from 'ws'
import { conversationCalls } from '../helpers/conversations.js'
import { t } from '../helpers/t.js'
import { until } from '../helpers/until.js'
import type { GatewayProcess } from '../process/gateway-process.js'
import { startHaproxy } from './haproxy.js'
import { quantile, startReplicas } from './replicas.js'

const REQUESTS = Number(process.env.ROLLING_REQUESTS ?? 2_000)
const AT_ONCE = 16
/** Every fifth request writes. */
const WRITES_EVERY = 5

t.setTimeout(1_200_000)
const replicas = await startReplicas(t)
const { maker, world, start } = replicas
const processes: GatewayProcess[] = [...replicas.processes]
const headers = { ...(await world.as('owner')), 'content-type': 'application/json' }
const conversation = await conversationCalls(maker, world).open()
await maker.app.close()
const { url } = await startHaproxy(
  t,
  processes.map(({ port }) => port),
)

interface Sent {
  readonly failures: string[]
  /** The references of the customers whose creation was acknowledged. */
  readonly created: string[]
  readonly waits: number[]
  sent: number
}

/** Sends requests until `isDone`, and at least `requests`. */
async function load(requests: number, isDone: () => boolean): Promise<Sent> {
  const seen: Sent = { failures: [], created: [], waits: [], sent: 0 }
  const sendOne = async (index: number) => {
    const writes = index % WRITES_EVERY === 0
    const external_id = randomUUID()
    const began = performance.now()
    const body = writes ? JSON.stringify({ name: 'Rolled', external_id }) : undefined
    try {
      const answer = await fetch(`${url}/v1/customers${writes ? '' : '?limit=1'}`, {
        method: writes ? 'POST' : 'GET',
        headers,
        ...(body !== undefined && { body }),
      })
      const text = await answer.text()
      if (answer.status !== (writes ? 201 : 200)) seen.failures.push(`${answer.status} ${text.slice(0, 200)}`)
      else if (writes) seen.created.push(external_id)
    } catch (error) {
      seen.failures.push(String((error as Error).cause ?? error))
    }
    seen.waits.push(performance.now() - began)
  }
  const work = async () => {
    while (seen.sent < requests || !isDone()) await sendOne(seen.sent++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return seen
}

/** The acknowledged customers that are not there exactly once. */
async function missing(created: readonly string[]): Promise<string[]> {
  const rows = await maker.sql(
    "select external_id as id, count(*)::int as times from customers where name = 'Rolled' group by 1",
  )
  const times = new Map(rows.map(({ id, times }) => [String(id), Number(times)]))
  return created.filter((id) => times.get(id) !== 1)
}

async function restart(index: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const before = processes[index] as GatewayProcess
  before.child.kill(signal)
  await before.exit
  processes[index] = await start({ PORT: before.port })
  // HAProxy sends it requests again before the next one stops.
  await until('the restarted replica gets requests', async () => {
    const page = await fetch(`${before.url}/readyz`)
    return page.status === 200
  })
}

/** Sends the numbers of new messages to `onSeq`, and returns when the connection ends. */
type Listen = (after: number, onSeq: (seq: number) => void, signal: AbortSignal) => Promise<void>

const stream = `/v1/conversations/${conversation.id}/stream`
const messages = `/v1/conversations/${conversation.id}/messages`
const LISTENS: Record<string, Listen> = {
  async socket(after, onSeq, signal) {
    const socket = new WebSocket(`${url.replace('http', 'ws')}${stream}?after=${after}`, { headers })
    signal.addEventListener('abort', () => socket.terminate())
    socket.on('error', () => undefined)
    socket.on('message', (data) => {
      const { type, payload } = JSON.parse(String(data)) as { type: string; payload: { seq: number } }
      if (type === 'chat_message') onSeq(payload.seq)
    })
    await once(socket, 'close')
  },
  async 'event stream'(after, onSeq, signal) {
    const accept = { accept: 'text/event-stream' }
    const answer = await fetch(`${url}${stream}?after=${after}`, { headers: { ...headers, ...accept }, signal })
    let rest = ''
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const events = (rest + chunk).split('\n\n')
      rest = events.pop() ?? ''
      for (const event of events) {
        if (!/^event: chat_message$/m.test(event)) continue
        const frame = JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? '') as { payload: { seq: number } }
        onSeq(frame.payload.seq)
      }
    }
  },
  async 'long poll'(after, onSeq, signal) {
    const answer = await fetch(`${url}${messages}?after=${after}&wait=25`, { headers, signal })
    const { data } = (await answer.json()) as { data?: { seq: number }[] }
    for (const { seq } of data ?? []) onSeq(seq)
  },
}

/** Writes messages until `isDone`, and reads them in each way. A reader that is cut off comes back after what it has. */
async function follow(isDone: () => boolean) {
  const ended = new AbortController()
  const faults: string[] = []
  const readers = Object.entries(LISTENS).map(([kind, listen]) => ({ kind, listen, seen: 0, returns: -1 }))
  let written = 0
  const reading = readers.map(async (reader) => {
    while (!ended.signal.aborted) {
      reader.returns += 1
      const onSeq = (seq: number) => {
        if (seq !== reader.seen + 1) faults.push(`${reader.kind}: ${seq} after ${reader.seen}`)
        reader.seen = seq
      }
      await reader.listen(reader.seen, onSeq, ended.signal).catch(() => undefined)
    }
  })
  while (!isDone()) {
    const answer = await fetch(url + messages, { method: 'POST', headers, body: '{"content":"Rolling"}' })
    const text = await answer.text()
    if (answer.status === 201) written += 1
    else faults.push(`${answer.status} ${text}`)
  }
  await until('every reader has every message', () => readers.every(({ seen }) => seen === written))
  ended.abort()
  await Promise.all(reading)
  return { faults, written, readers }
}

t.test(
  'while each replica is restarted in turn, no client sees an error, and no acknowledged write is lost',
  async (t) => {
    let is_done = false
    const loaded = load(REQUESTS, () => is_done)
    const followed = follow(() => is_done)
    for (const index of processes.keys()) await restart(index, 'SIGTERM')
    is_done = true
    const { failures, created, waits, sent } = await loaded
    t.same(failures.slice(0, 5), [], `${failures.length} of ${sent} requests failed`)
    t.ok(created.length >= REQUESTS / WRITES_EVERY / 2, `${created.length} created`)
    t.same(await missing(created), [])
    const { faults, written, readers } = await followed
    t.same(faults, [], 'sockets, event streams and long polls miss nothing, and get nothing twice')
    t.ok(written > 20, `${written} messages`)
    for (const { kind, returns } of readers) t.ok(returns > 0, `${kind}: ${returns} returns`)
    t.comment(
      `${sent} requests; ms: p50 ${quantile(waits, 0.5).toFixed(1)}, p99 ${quantile(waits, 0.99).toFixed(1)}, max ${Math.max(...waits).toFixed(0)}`,
    )
  },
)

t.test('when a replica is killed, only requests that it had can fail, and no acknowledged write is lost', async (t) => {
  let is_done = false
  const loaded = load(Math.ceil(REQUESTS / 5), () => is_done)
  await restart(1, 'SIGKILL')
  is_done = true
  const { failures, created, sent } = await loaded
  t.ok(failures.length <= AT_ONCE, `${failures.length} of ${sent} requests failed: ${failures.slice(0, 3)}`)
  t.same(await missing(created), [])
})
