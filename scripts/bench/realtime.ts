import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { connectAll, type Listener, type Talk } from './listeners.js'
import { Opened } from './opened.js'
import { costsOf, cpuBetween } from './process-costs.js'
import { openScratch, pinBackends, settle } from './scratch.js'
import { startGateway } from './servers.js'
import type { Row, Suite } from './suite.js'
import { buildWorld } from './world.js'

const TENANTS = 10
const CONVERSATIONS = 200
const SOCKETS_EACH = 10
const SOCKETS = CONVERSATIONS * SOCKETS_EACH
const MESSAGES_A_SECOND = 200
const IDLE_SECONDS = 5
/** The time before the measurement, in which code runs for the first time and connections open. */
const WARM_UP_SECONDS = 3
/** The longest wait for the last messages. After it a message counts as lost. */
const SETTLE_MS_MAX = 10_000
const LIMITS = { CONNECTIONS_USER: '100000', CONNECTIONS_TENANT: '100000' }

type Headers = Readonly<Record<string, string>>

/** Two thousand sockets on two hundred conversations: the time from a write to each socket, and the cost of a socket. */
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
      const { owner } = await buildWorld(scratch, gateway.url)
      const talks = await openTalks(gateway.url, owner, agent)
      const bare = costsOf(gateway.pid)
      const listeners = await connectAll(gateway.url, talks, SOCKETS_EACH, signal)
      opened.add({ close: async () => listeners.forEach(({ close }) => void close()) })
      const sent: Sent = new Map()
      await speak(gateway.url, talks, sent, agent, WARM_UP_SECONDS, signal)
      await untilHeard(listeners, sent, signal)
      await settle(scratch.owner_url)
      await pinBackends(scratch.owner_url)

      const quiet = costsOf(gateway.pid)
      await sleep(IDLE_SECONDS * 1000, undefined, { signal })
      const idle = costsOf(gateway.pid)
      const before: Sent = new Map(sent)
      await speak(gateway.url, talks, sent, agent, seconds, signal)
      await untilHeard(listeners, sent, signal)
      const busy = costsOf(gateway.pid)
      yield* rowsOf(listeners, before, sent, {
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

/** Conversations of several tenants, in turn, because writes of one tenant wait for each other at its audit chain. */
async function openTalks(url: string, owner: Headers, dispatcher: Agent): Promise<Talk[]> {
  const talks: Talk[] = []
  for (let number = 0; number < TENANTS; number += 1) {
    const { tenant, key } = await post(`${url}/v1/tenants`, owner, { name: `Tenant ${number}` }, dispatcher)
    const headers = { ...owner, 'x-tenant-id': (tenant as { id: string }).id, 'x-tenant-api-key': String(key) }
    for (let count = 0; count < CONVERSATIONS / TENANTS; count += 1) {
      const opened = await post(`${url}/v1/conversations`, headers, { title: `Talk ${count}` }, dispatcher)
      talks.push({ conversation_id: String(opened.id), headers })
    }
  }
  return talks
}

/** The number of messages in each conversation. */
type Sent = Map<string, number>

/** Sends at a steady rate that does not depend on the responses. Counts what it sent. */
async function speak(
  url: string,
  talks: readonly Talk[],
  sent: Sent,
  dispatcher: Agent,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const answers: Promise<unknown>[] = []
  const began_at = performance.now()
  for (let number = 0; number < seconds * MESSAGES_A_SECOND; number += 1) {
    const due_in = began_at + (number * 1000) / MESSAGES_A_SECOND - performance.now()
    if (due_in > 0) await sleep(due_in, undefined, { signal })
    // Each message goes to the next tenant.
    const index = (number * (CONVERSATIONS / TENANTS) + Math.floor(number / TENANTS)) % talks.length
    const { conversation_id, headers } = talks[index] as Talk
    sent.set(conversation_id, (sent.get(conversation_id) ?? 0) + 1)
    const content = String(performance.now())
    answers.push(post(`${url}/v1/conversations/${conversation_id}/messages`, headers, { content }, dispatcher))
  }
  await Promise.all(answers)
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

/** Waits for the last frames. Frames that do not arrive in time are lost. */
async function untilHeard(listeners: readonly Listener[], sent: Sent, signal: AbortSignal) {
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

function* rowsOf(listeners: readonly Listener[], before: Sent, sent: Sent, seen: Seen): Iterable<Row> {
  const delays = listeners
    .flatMap(({ heard, conversation_id }) => heard.slice(before.get(conversation_id) ?? 0))
    .map(({ delay_ms }) => delay_ms)
    .sort((left, right) => left - right)
  const quantile = (part: number) => delays[Math.floor(delays.length * part)] ?? Number.POSITIVE_INFINITY
  const messages = [...sent.values()].reduce((sum, count) => sum + count, 0)
  // Every socket must have received 1, 2, 3 ... of its conversation. Any other sequence has a lost, repeated or misplaced message.
  const wrong = listeners.reduce((sum, { heard, conversation_id }) => {
    const expected = Array.from({ length: sent.get(conversation_id) ?? 0 }, (_, index) => index + 1)
    return (
      sum +
      expected.filter((seq, index) => heard[index]?.seq !== seq).length +
      Math.max(0, heard.length - expected.length)
    )
  }, 0)
  const load = `${SOCKETS} sockets, ${CONVERSATIONS} conversations of ${TENANTS} tenants, ${MESSAGES_A_SECOND} messages/s`
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
