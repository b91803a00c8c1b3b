import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { type Ask, answer } from './ask.js'
import type { Burst } from './bursts.js'
import { Opened } from './opened.js'
import { openScratch } from './scratch.js'
import { startGateway, startScript } from './servers.js'
import type { Suite } from './suite.js'
import { buildWorld, type World } from './world.js'

/** Rows of the busy tenant, so that a search which finds nothing has much to read. */
const MANY_CUSTOMERS = 300_000
const MANY_EVENTS = 200_000
/** The other tenant sends a request at this interval, whatever the last one does. */
const INTERVAL_MS = 10
/** The measured client goes before the busy tenant on the core of the load, as if it had a machine of its own. */
const MEASURED_PRIORITY = -10
/** Twice the budgets of the product, because each of two replicas gives half of them: a burst within them must not slow others down. */
const BUDGETS = {
  BUDGET_ADDRESS: '1000000/60',
  BUDGET_TENANT: '2000/60',
  BUDGET_USER: '240/60',
  BUDGET_REFRESH: '20/60',
  BUDGET_REFUSED: '240/60',
}

/** Both replicas accept the same access tokens. */
const BUDGETS_AND_KEYS = { ...BUDGETS, JWT_SIGNING_KEYS: generateSigningKeys() }

interface Named extends Omit<Burst, 'url'> {
  readonly name: string
}

/**
 * The p99 of one tenant while another one sends bursts, compared with its p99 without them. Beside it stands the p99 while the
 * bursts go to another replica on the same core and the same database: what the machine and the database add, whatever a
 * gateway does. The last two columns are the same for a bare server without checks: what Node itself adds. It answers 404 to
 * the bursts that it does not know.
 */
export const neighbours: Suite = {
  name: 'neighbours',
  needs: 'PostgreSQL',
  defaults: { rounds: 3, seconds: 5 },
  async *run({ only, rounds, seconds }, signal) {
    const opened = new Opened()
    const agent = new Agent({ keepAlive: true, maxSockets: 400 })
    try {
      const scratch = opened.add(await openScratch())
      const gateway = opened.add(await startGateway(scratch.gateway_url, BUDGETS_AND_KEYS))
      const replica = opened.add(await startGateway(scratch.gateway_url, BUDGETS_AND_KEYS))
      const bare = opened.add(await startScript('bare.ts', { DATABASE_URL: scratch.owner_url }))
      const world = await buildWorld(scratch, gateway.url)
      await fill(scratch.owner_url, world.tenant_id)
      const other: Ask = { method: 'GET', path: '/v1/customers?limit=1', headers: world.neighbour }
      const busy_tenant = opened.add(await startBusyTenant())
      goFirst()
      const measure = (url = gateway.url) => latencies(() => answer(url, agent, other), seconds * 1_000)
      await measure()
      await measure(bare.url)
      for (const { name, ...burst } of burstsOf(world).filter(({ name }) => name.includes(only))) {
        const idle: number[] = []
        const elsewhere: number[] = []
        const busy: number[] = []
        const bare_idle: number[] = []
        const bare_busy: number[] = []
        const during = async (url: string, measured_url = gateway.url) => {
          busy_tenant.begin({ ...burst, url })
          const measured = await measure(measured_url)
          await busy_tenant.stop()
          return measured
        }
        for (let round = 0; round < rounds; round += 1) {
          signal.throwIfAborted()
          idle.push(...(await measure()))
          elsewhere.push(...(await during(replica.url)))
          busy.push(...(await during(gateway.url)))
          bare_idle.push(...(await measure(bare.url)))
          bare_busy.push(...(await during(bare.url, bare.url)))
        }
        yield {
          name,
          measured: `p99 (p50) idle ${written(idle)} ms | burst at another replica ${written(elsewhere)} ms | burst here ${written(busy)} ms | bare idle ${written(bare_idle)} ms | burst at bare ${written(bare_busy)} ms`,
          figure: quantile(busy, 0.99) / quantile(idle, 0.99),
          unit: 'ratio',
          target: { at_most: 1.25 },
        }
      }
    } finally {
      agent.destroy()
      await opened.close()
    }
  },
}

/** Starts the process of the busy tenant. */
async function startBusyTenant() {
  const program = fileURLToPath(new URL('./bursts.ts', import.meta.url))
  const child: ChildProcess = fork(program, { execArgv: ['--import', 'tsx'] })
  await once(child, 'message')
  return {
    begin: (burst: Burst) => void child.send(burst),
    stop: async () => {
      child.send('stop')
      await once(child, 'message')
    },
    close: async () => {
      child.disconnect()
      await once(child, 'exit')
    },
  }
}

/** Only an administrator may do this. Without it, the busy tenant's own client adds to the measured latency. */
function goFirst(): void {
  try {
    setPriority(MEASURED_PRIORITY)
  } catch (error) {
    process.stderr.write(`the measured client has no priority over the busy tenant: ${error}\n`)
  }
}

function burstsOf(world: World): readonly Named[] {
  const requests = requestsOf(world).map(({ name, size, ask }) => ({
    name,
    asks: Array.from({ length: size }, (_, number) => ask(number)),
  }))
  const contract: Ask = { method: 'GET', path: '/openapi.json', headers: {} }
  return [
    // Without any burst, the columns show by how much the p99 of this machine moves by itself.
    { name: 'control: no burst', asks: [] },
    ...requests,
    {
      name: '20,000 pipelined requests of 50 connections that read nothing',
      asks: Array.from({ length: 50 }, () => contract),
      pipelined: 400,
    },
  ]
}

interface Requests {
  readonly name: string
  readonly size: number
  ask(number: number): Ask
}

function requestsOf({ integration, user, owner, customer_id, tenant_id }: World): readonly Requests[] {
  const json = { 'content-type': 'application/json' }
  const members = `/v1/tenants/${tenant_id}/members`
  const read = (path: string) => () => ({ method: 'GET', path, headers: integration })
  return [
    { name: '60 parallel lists', size: 60, ask: read('/v1/customers?limit=20') },
    {
      name: '150 parallel changes of one customer',
      size: 150,
      ask: (number) => ({
        method: 'PATCH',
        path: `/v1/customers/${customer_id}`,
        headers: { ...integration, ...json },
        body: JSON.stringify({ name: `Ada ${number}` }),
      }),
    },
    { name: '20 parallel searches that find nothing', size: 20, ask: read('/v1/customers?search=nothing-has-this') },
    {
      name: '40 parallel filters of the audit that find nothing',
      size: 40,
      ask: () => ({
        method: 'GET',
        path: `/v1/tenants/${tenant_id}/audit-events?action=role.deleted`,
        headers: owner,
      }),
    },
    { name: '40 parallel lists of members', size: 40, ask: () => ({ method: 'GET', path: members, headers: owner }) },
    {
      name: '60 wrong access tokens with a valid key',
      size: 60,
      ask: () => ({ ...read('/v1/customers?limit=1')(), headers: { ...user, authorization: 'Bearer a.b.c' } }),
    },
    {
      name: '2 exports of the audit',
      size: 2,
      ask: () => ({ method: 'GET', path: `/v1/tenants/${tenant_id}/audit-events/export`, headers: owner }),
    },
  ]
}

/** Sends a request at each interval for some time. @returns the latencies, in milliseconds */
async function latencies(send: () => Promise<number>, for_ms: number): Promise<number[]> {
  const ends_at = performance.now() + for_ms
  const running: Promise<number>[] = []
  while (performance.now() < ends_at) {
    running.push(send())
    await sleep(INTERVAL_MS)
  }
  return Promise.all(running)
}

function written(latencies: readonly number[]): string {
  return `${quantile(latencies, 0.99).toFixed(1)} (${quantile(latencies, 0.5).toFixed(1)})`
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number
}

async function fill(owner_url: string, tenant_id: string): Promise<void> {
  const owner = new pg.Client(owner_url)
  await owner.connect()
  try {
    await owner.query(
      `insert into customers (tenant_id, id, name, created_at, updated_at)
       select $1, ('019a0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Customer ' || n, now(), now()
       from generate_series(1, $2::int) n`,
      [tenant_id, MANY_CUSTOMERS],
    )
    await owner.query(
      `insert into audit_events (id, tenant_id, action, actor_kind, target_kind, target_id, changes, created_at, chain_seq,
         digest, hash)
       select gen_random_uuid(), tenant_id, 'customer.created', 'system', 'customer', n::text, '{}', now(), length + n,
         '\\x00', sha256('\\x00') from audit_chains, generate_series(1, $2::int) n where tenant_id = $1`,
      [tenant_id, MANY_EVENTS],
    )
    await owner.query('update audit_chains set length = length + $2 where tenant_id = $1', [tenant_id, MANY_EVENTS])
    await owner.query('vacuum analyze')
    await owner.query('checkpoint')
  } finally {
    await owner.end()
  }
}
