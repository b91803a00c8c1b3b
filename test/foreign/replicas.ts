import type { Test } from 'tap'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import type { TestDatabase } from '../helpers/database.js'
import { startGateway } from '../helpers/gateway.js'
import { type Ask, ask, untilDecided } from '../helpers/requests.js'
import { buildWorld, keyHeaders } from '../helpers/world.js'
import { freePort, type GatewayProcess, startGatewayProcess, type Variables } from '../process/gateway-process.js'

const REPLICAS = 3
/** So large that no request of the test is refused for a budget. */
const BUDGETS = Object.fromEntries(
  [
    'ADDRESS',
    'REFUSED',
    'LOGIN_ADDRESS',
    'LOGIN_ACCOUNT',
    'TENANT',
    'USER',
    'OPERATOR',
    'REFRESH',
    'INVITATIONS',
    'MESSAGES',
    'MESSAGES_BURST',
    'TYPING',
  ].map((name) => [`BUDGET_${name}`, '1000000/60']),
)

export type Headers = Record<string, string>

/** Starts three processes on one database of the server, and makes a world in it. */
export async function startReplicas(t: Test, env: Variables = {}, on?: TestDatabase) {
  const signing_keys = generateSigningKeys()
  // Makes the world and no request of the test.
  const maker = await startGateway({ signing_keys, ...(on !== undefined && { on }) })
  t.teardown(() => maker.close())
  const { url } = maker.test_database
  if (url === undefined) throw new Error('set TEST_DATABASE_URL: an embedded database has one process')
  const world = await buildWorld(maker)
  const metrics_ports = new Map<string, string>()
  const start = async (more: Variables = {}) => {
    const METRICS_PORT = await freePort()
    const started = await startGatewayProcess(t, {
      METRICS_PORT,
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PUBLIC_URL: 'http://gateway.test',
      DATABASE_URL: url,
      JWT_SIGNING_KEYS: signing_keys,
      ALLOW_REGISTRATION: 'true',
      LOG_LEVEL: 'warn',
      ...BUDGETS,
      ...env,
      ...more,
    })
    metrics_ports.set(started.port, METRICS_PORT)
    return started
  }
  const processes = await Promise.all(Array.from({ length: REPLICAS }, () => start()))

  /** Sends a change. @throws if the gateway refuses it */
  async function change(on: GatewayProcess, headers: Headers, method: string, path: string, more: Ask = {}) {
    const answer = await untilDecided(() =>
      ask(on, path, { ...more, method, headers: { ...headers, ...more.headers } }),
    )
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return answer.body
  }

  /** The outcome of a request: `allowed`, or the code of its refusal. */
  async function outcome(on: GatewayProcess, path: string, headers: Headers): Promise<string> {
    const { status, body } = await ask(on, path, { headers })
    return status < 300 ? 'allowed' : `${status} ${body?.code}`
  }

  /** How often the answers to changes at all replicas have waited, for at most each time in seconds. */
  async function barriers(): Promise<Map<number, number>> {
    const counts = new Map<number, number>()
    for (const { port } of processes) {
      const page = await (await fetch(`http://127.0.0.1:${metrics_ports.get(port)}/metrics`)).text()
      for (const [, bound, count] of page.matchAll(/^gatehouse_barrier_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm)) {
        const seconds = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound)
        counts.set(seconds, (counts.get(seconds) ?? 0) + Number(count))
      }
    }
    return counts
  }

  return {
    barriers,
    maker,
    world,
    processes,
    start,
    change,
    outcome,
    keyHeaders: (key: string, tenant_id = world.acme.id): Headers => keyHeaders({ id: tenant_id, key }),
  }
}

export type Replicas = Awaited<ReturnType<typeof startReplicas>>

/** The smallest bound in ms that a part of the waits since an earlier reading did not exceed. */
export function barrierBound(now: Map<number, number>, before: Map<number, number>, part: number): number {
  const counts = [...now].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const)
  const all = Math.max(...counts.map(([, count]) => count))
  return 1000 * (counts.find(([, count]) => count >= all * part)?.[0] ?? Number.NaN)
}

/** The value below which a part of the values is. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}
