import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { Opened } from './opened.js'
import { openScratch } from './scratch.js'
import { startGateway } from './servers.js'
import type { Suite } from './suite.js'
import { buildWorld, type World } from './world.js'

/** Rows of the busy tenant, so that a search which finds nothing has much to read. */
const MANY_CUSTOMERS = 300_000
const MANY_EVENTS = 200_000
/** The other tenant sends a request at this interval, whatever the last one does. */
const INTERVAL_MS = 10
/** The busy tenant sends a burst at this interval. */
const BURST_MS = 1_000
/** The budgets of the product, because a burst within them must not slow others down. */
const DEFAULT_BUDGETS = {
  BUDGET_ADDRESS: '1000000/60',
  BUDGET_TENANT: '1000/60',
  BUDGET_USER: '120/60',
  BUDGET_REFRESH: '10/60',
  BUDGET_REFUSED: '120/60',
}

interface Ask {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

interface Burst {
  readonly name: string
  readonly size: number
  /** Whether the first burst lasts until the end, so that there is no other one. */
  readonly stays_open?: boolean
  /** Sends one request of the burst, or something else that a client does once in each burst. */
  act(number: number, stop: AbortSignal): Promise<unknown>
}

/** The p99 of one tenant while another one sends bursts, compared with its p99 without them. */
export const neighbours: Suite = {
  name: 'neighbours',
  needs: 'PostgreSQL',
  defaults: { rounds: 3, seconds: 5 },
  async *run({ only, rounds, seconds }, signal) {
    const opened = new Opened()
    const agent = new Agent({ keepAlive: true, maxSockets: 400 })
    try {
      const scratch = opened.add(await openScratch())
      const gateway = opened.add(await startGateway(scratch.gateway_url, DEFAULT_BUDGETS))
      const world = await buildWorld(scratch, gateway.url)
      await fill(scratch.owner_url, world.tenant_id)
      const other: Ask = { method: 'GET', path: '/v1/customers?limit=1', headers: world.neighbour }
      const send = (ask: Ask) => answer(gateway.url, agent, ask)
      await latencies(send, other, 1_000)
      for (const burst of burstsOf(world, send, gateway.url).filter(({ name }) => name.includes(only))) {
        const idle: number[] = []
        const busy: number[] = []
        for (let round = 0; round < rounds; round += 1) {
          signal.throwIfAborted()
          idle.push(...(await latencies(send, other, seconds * 1_000)))
          const stop = new AbortController()
          const bursts = repeat(burst, stop.signal)
          busy.push(...(await latencies(send, other, seconds * 1_000)))
          stop.abort()
          await bursts
        }
        const [before, after] = [quantile(idle, 0.99), quantile(busy, 0.99)]
        yield {
          name: burst.name,
          measured: `p99 idle ${before.toFixed(1)} ms, p50 ${quantile(idle, 0.5).toFixed(1)} ms | p99 ${after.toFixed(1)} ms, p50 ${quantile(busy, 0.5).toFixed(1)} ms`,
          figure: after / before,
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

function burstsOf(world: World, send: (ask: Ask) => Promise<number>, url: string): readonly Burst[] {
  const requests = requestsOf(world).map(({ ask, ...burst }) => ({
    ...burst,
    act: (number: number) => send(ask(number)),
  }))
  return [
    ...requests,
    {
      name: '20,000 pipelined requests of 50 connections that read nothing',
      size: 50,
      stays_open: true,
      act: (_number, stop) => pipeline(url, 400, stop),
    },
  ]
}

/** Sends many requests in one packet, and reads nothing until the end. */
async function pipeline(url: string, requests: number, stop: AbortSignal): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname).pause()
  socket.on('error', () => undefined)
  socket.write('GET /openapi.json HTTP/1.1\r\nHost: gateway\r\n\r\n'.repeat(requests))
  if (!stop.aborted) await once(stop, 'abort')
  socket.destroy()
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

/** Sends bursts until the signal, and waits for their responses. */
async function repeat({ size, act, stays_open }: Burst, stop: AbortSignal): Promise<void> {
  const running: Promise<unknown>[] = []
  for (let burst = 0; !stop.aborted; burst += 1) {
    if (burst === 0 || !stays_open)
      for (let number = 0; number < size; number += 1) running.push(act(number, stop).catch(() => undefined))
    await sleep(BURST_MS, undefined, { signal: stop }).catch(() => undefined)
  }
  await Promise.all(running)
}

/** Sends a request at each interval for some time. @returns the latencies, in milliseconds */
async function latencies(send: (ask: Ask) => Promise<number>, ask: Ask, for_ms: number): Promise<number[]> {
  const ends_at = performance.now() + for_ms
  const running: Promise<number>[] = []
  while (performance.now() < ends_at) {
    running.push(send(ask))
    await sleep(INTERVAL_MS)
  }
  return Promise.all(running)
}

/** Sends a request and reads the response. @returns the latency, in milliseconds */
function answer(url: string, agent: Agent, { method, path, headers, body }: Ask): Promise<number> {
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const outgoing = request(url + path, { method, headers, agent }, (response) => {
      response
        .on('error', reject)
        .on('end', () => resolve(performance.now() - began))
        .resume()
    })
    outgoing.on('error', reject).end(body)
  })
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
  } finally {
    await owner.end()
  }
}
