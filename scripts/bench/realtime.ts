import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { connectAll, type Listener } from './listeners.js'
import { Opened } from './opened.js'
import { costsOf, cpuBetween } from './process-costs.js'
import { openScratch, pinBackends } from './scratch.js'
import { startGateway } from './servers.js'
import type { Row, Suite } from './suite.js'
import { buildWorld } from './world.js'

const CONVERSATIONS = 200
const SOCKETS_EACH = 10
const SOCKETS = CONVERSATIONS * SOCKETS_EACH
const MESSAGES_A_SECOND = 200
const IDLE_SECONDS = 5
/** How long the last messages may be on their way before they count as lost. */
const SETTLE_MS_MAX = 10_000
const LIMITS = { CONNECTIONS_USER: '100000', CONNECTIONS_TENANT: '100000' }

type Headers = Readonly<Record<string, string>>

/** Two thousand sockets on two hundred conversations: how long a message takes to each of them, and what a socket costs. */
export const realtime: Suite = {
  name: 'realtime',
  needs: 'PostgreSQL, and Linux',
  defaults: { rounds: 1, seconds: 20, connections: 32 },
  async *run({ seconds, connections }, signal) {
    const opened = new Opened()
    try {
      const scratch = opened.add(await openScratch())
      const gateway = opened.add(await startGateway(scratch.gateway_url, LIMITS))
      const agent = opened.add(new Agent({ connections }))
      const { user, tenant_id, owner } = await buildWorld(scratch, gateway.url)
      const opener = { ...user, ...owner, 'x-tenant-id': tenant_id }
      const ids = await openConversations(gateway.url, opener, agent)
      const bare = costsOf(gateway.pid)
      const listeners = await connectAll(gateway.url, ids, SOCKETS_EACH, user, signal)
      opened.add({ close: async () => listeners.forEach(({ close }) => void close()) })
      await pinBackends(scratch.owner_url)

      const quiet = costsOf(gateway.pid)
      await sleep(IDLE_SECONDS * 1000, undefined, { signal })
      const idle = costsOf(gateway.pid)
      const sent = await speak(gateway.url, ids, user, agent, seconds, signal)
      await untilHeard(listeners, sent, signal)
      const busy = costsOf(gateway.pid)
      yield* rowsOf(listeners, sent, {
        kib_per_socket: (quiet.resident_kib - bare.resident_kib) / SOCKETS,
        idle_cpu: cpuBetween(quiet, idle),
        busy_cpu: cpuBetween(idle, busy),
        resident_mib: busy.resident_kib / 1024,
      })
    } finally {
      await opened.close()
    }
  },
}

async function openConversations(url: string, headers: Headers, dispatcher: Agent): Promise<string[]> {
  const ids: string[] = []
  for (let number = 0; number < CONVERSATIONS; number += 1) {
    const { id } = await post(`${url}/v1/conversations`, headers, { title: `Talk ${number}` }, dispatcher)
    ids.push(String(id))
  }
  return ids
}

/** Sends at a steady pace, whatever the answers do. @returns how many messages each conversation got. */
async function speak(
  url: string,
  ids: readonly string[],
  headers: Headers,
  dispatcher: Agent,
  seconds: number,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const sent = new Map<string, number>()
  const answers: Promise<unknown>[] = []
  const began_at = performance.now()
  for (let number = 0; number < seconds * MESSAGES_A_SECOND; number += 1) {
    const due_in = began_at + (number * 1000) / MESSAGES_A_SECOND - performance.now()
    if (due_in > 0) await sleep(due_in, undefined, { signal })
    const id = ids[number % ids.length] as string
    sent.set(id, (sent.get(id) ?? 0) + 1)
    const content = String(performance.now())
    answers.push(post(`${url}/v1/conversations/${id}/messages`, headers, { content }, dispatcher))
  }
  await Promise.all(answers)
  return sent
}

async function post(url: string, headers: Headers, body: object, dispatcher: Agent): Promise<Record<string, unknown>> {
  const answer = await request(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    dispatcher,
  })
  const text = await answer.body.text()
  if (answer.statusCode !== 201) throw new Error(`${url}: ${answer.statusCode} ${text}`)
  return JSON.parse(text)
}

/** Waits for the last frames; what is not there after a while is lost. */
async function untilHeard(listeners: readonly Listener[], sent: ReadonlyMap<string, number>, signal: AbortSignal) {
  const deadline = performance.now() + SETTLE_MS_MAX
  const isMissing = ({ heard, conversation_id }: Listener) => heard.length < (sent.get(conversation_id) ?? 0)
  while (listeners.some(isMissing) && performance.now() < deadline) await sleep(20, undefined, { signal })
}

interface Seen {
  readonly kib_per_socket: number
  readonly idle_cpu: number
  readonly busy_cpu: number
  readonly resident_mib: number
}

function* rowsOf(listeners: readonly Listener[], sent: ReadonlyMap<string, number>, seen: Seen): Iterable<Row> {
  const delays = listeners.flatMap(({ heard }) => heard.map(({ delay_ms }) => delay_ms)).sort((a, b) => a - b)
  const quantile = (part: number) => delays[Math.floor(delays.length * part)] ?? Number.POSITIVE_INFINITY
  const messages = [...sent.values()].reduce((sum, count) => sum + count, 0)
  // Every socket heard 1, 2, 3 ... of its conversation: anything else is lost, repeated, or out of order.
  const wrong = listeners.reduce((sum, { heard, conversation_id }) => {
    const expected = Array.from({ length: sent.get(conversation_id) ?? 0 }, (_, index) => index + 1)
    return (
      sum +
      expected.filter((seq, index) => heard[index]?.seq !== seq).length +
      Math.max(0, heard.length - expected.length)
    )
  }, 0)
  const load = `${SOCKETS} sockets, ${CONVERSATIONS} conversations, ${MESSAGES_A_SECOND} messages/s`
  yield {
    name: 'delivery, from the request to the frame, p99',
    measured: `${load} | p50 ${quantile(0.5).toFixed(1)} ms, p99 ${quantile(0.99).toFixed(1)} ms, most ${quantile(0.999999).toFixed(1)} ms`,
    figure: quantile(0.99),
    unit: 'ms',
    target: { at_most: 100 },
  }
  yield {
    name: 'deliveries lost, repeated or out of order',
    measured: `${messages} messages, ${delays.length} deliveries`,
    figure: wrong,
    unit: 'deliveries',
    target: { at_most: 0 },
  }
  yield {
    name: 'memory of a socket',
    measured: `${seen.resident_mib.toFixed(0)} MiB in all, with everything`,
    figure: seen.kib_per_socket,
    unit: 'KiB',
  }
  const per_socket = (cpu: number) => ((cpu / 100 / SOCKETS) * 1e6).toFixed(1)
  yield {
    name: 'CPU of all sockets, of one core',
    measured: `idle ${seen.idle_cpu.toFixed(1)} % (${per_socket(seen.idle_cpu)} µs a second and socket), busy ${seen.busy_cpu.toFixed(1)} % (${per_socket(seen.busy_cpu)} µs)`,
    figure: seen.busy_cpu,
    unit: '%',
  }
}
