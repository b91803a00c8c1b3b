import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LEASE_MS } from '../../src/kernel/replicas/fact-feed.js'
import { conversationCalls } from '../helpers/conversations.js'
import { openServerTest } from '../helpers/server-database.js'
import { openSocket } from '../helpers/sockets.js'
import { t } from '../helpers/t.js'
import { until } from '../helpers/until.js'
import { keyHeaders } from '../helpers/world.js'
import type { GatewayProcess } from '../process/gateway-process.js'
import { startPostgres } from './postgres-server.js'
import { startReplicas } from './replicas.js'

const AWAY_MS = Number(process.env.POSTGRES_AWAY_MS ?? 4_000)
/** The latest refusal, and the latest recovery. The third is for a loaded machine. */
const REFUSED_MS_MAX = 2_000
const BACK_MS_MAX = 1_000
const LOADED_MS = 4_000
const AT_ONCE = 8

t.setTimeout(280_000)
const postgres = await startPostgres(t)
const service = createServer((_request, response) => void response.end('served')).listen(0, '127.0.0.1')
t.teardown(() => service.close())
await until('the service listens', () => service.listening)
const { port } = service.address() as AddressInfo
const manifest = `upstreams:
  - name: files
    prefix: /files
    origin: http://127.0.0.1:${port}
    routes: [{ method: GET, path: /one, scopes: [] }]
`
const UPSTREAMS_FILE = join(t.testdir({ 'upstreams.yaml': manifest }), 'upstreams.yaml')
const database = await openServerTest(postgres.url)
t.teardown(() => database.close().catch(() => undefined))
const { maker, world, processes } = await startReplicas(t, { UPSTREAMS_FILE }, database)
const { acme } = world
const agent = await world.as('agent')
const opened = await conversationCalls(maker, world).open()
await maker.app.close()

interface Answer {
  readonly kind: string
  readonly began: number
  readonly ended: number
  readonly status: number
  readonly retry_after: string | null
}

const KINDS: Record<string, (on: GatewayProcess) => Promise<Response>> = {
  upstream: (on) => fetch(`${on.url}/files/one`, { headers: keyHeaders(acme) }),
  read: (on) => fetch(`${on.url}/v1/customers?limit=1`, { headers: agent }),
  write: (on) =>
    fetch(`${on.url}/v1/customers`, {
      method: 'POST',
      headers: { ...agent, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Written' }),
    }),
}

/** Sends requests of each kind to all replicas until `isDone`. A request that fails without a response ends the test. */
async function load(isDone: () => boolean): Promise<Answer[]> {
  const answers: Answer[] = []
  const work = async (kind: string, send: (on: GatewayProcess) => Promise<Response>) => {
    for (let turn = 0; !isDone(); turn += 1) {
      const began = performance.now()
      const answer = await send(processes[turn % processes.length] as GatewayProcess)
      await answer.text()
      const { status, headers } = answer
      answers.push({ kind, began, ended: performance.now(), status, retry_after: headers.get('retry-after') })
      await sleep(5)
    }
  }
  await Promise.all(
    Object.entries(KINDS).flatMap(([kind, send]) => Array.from({ length: AT_ONCE / 2 }, () => work(kind, send))),
  )
  return answers
}

for (const [what, { away, back }] of Object.entries({
  'has ended': { away: () => postgres.stop(), back: () => postgres.start() },
  'does not answer': { away: async () => postgres.pause(), back: async () => postgres.proceed() },
})) {
  t.test(
    `while PostgreSQL ${what}, requests get 503 in time, and its return ends that without a restart`,
    async (t) => {
      const sockets = processes.map((on) => openSocket(on, `/v1/conversations/${opened.id}/stream`, { headers: agent }))
      for (const socket of sockets) await socket.frame('ready')
      let is_done = false
      const loaded = load(() => is_done)
      await sleep(1_000)
      const gone = performance.now()
      await away()
      await until('the sockets are closed', () => sockets.every((socket) => !socket.isOpen()))
      const closed = performance.now() - gone
      await sleep(Math.max(0, AWAY_MS - (performance.now() - gone)))
      await back()
      await until('it answers', () => postgres.isReady(), { every_ms: 2 })
      const returned = performance.now()
      await sleep(3_000)
      is_done = true
      const answers = await loaded

      t.same([...new Set(answers.map(({ status }) => status))].sort(), [200, 201, 503])
      const refused = answers.filter(({ status }) => status === 503)
      t.ok(
        refused.every(({ retry_after }) => Number(retry_after) >= 1),
        'each says when to come back',
      )
      const longest = Math.max(...answers.map(({ began, ended }) => ended - began))
      t.ok(longest < REFUSED_MS_MAX + LOADED_MS, `the longest response took ${longest.toFixed(0)} ms`)
      const served = answers.filter(
        ({ kind, status, began }) => kind === 'upstream' && status === 200 && began < returned,
      )
      const last = Math.max(...served.map(({ began }) => began)) - gone
      t.ok(last < LEASE_MS + LOADED_MS, `an upstream was served until ${last.toFixed(0)} ms after the end`)
      for (const kind of Object.keys(KINDS)) {
        const ok = answers.filter((answer) => answer.kind === kind && answer.status < 300 && answer.began > returned)
        const first = Math.min(...ok.map(({ ended }) => ended)) - returned
        t.ok(first < BACK_MS_MAX + LOADED_MS, `${kind} again after ${first.toFixed(0)} ms`)
        const late = answers.filter(
          (answer) => answer.kind === kind && answer.status === 503 && answer.began > returned + 2_000,
        )
        t.equal(late.length, 0, `${kind}: none refused later`)
      }
      for (const socket of sockets) t.match(socket.refusal(), /^1013 service_unavailable/)
      t.ok(closed < LEASE_MS + REFUSED_MS_MAX + LOADED_MS, `sockets closed after ${closed.toFixed(0)} ms`)
    },
  )
}
