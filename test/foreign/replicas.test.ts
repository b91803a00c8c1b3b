import pg from 'pg'
import { LEASE_MS } from '../../src/kernel/replicas/fact-feed.js'
import { t } from '../helpers/t.js'
import { type GatewayProcess, until } from '../process/gateway-process.js'
import { kindsOfChanges, type Step } from './changes.js'
import { barrierBound, quantile, startReplicas } from './replicas.js'

const CHANGES = Number(process.env.REPLICA_CHANGES ?? 400)
const ROUNDS_AT_ONCE = Number(process.env.REPLICA_WRITERS ?? 6)
/** The time for one request at three processes on a loaded machine. */
const ANSWER_MS_MAX = 2_000

t.setTimeout(280_000)
const replicas = await startReplicas(t)
const { processes } = replicas
const kinds = await kindsOfChanges(replicas)

/** Carries out changes at the replicas in turn, until there were enough of them, each with its probes at all replicas. */
async function carryOut(changes: number, at: readonly GatewayProcess[], before = async () => undefined as unknown) {
  const wrong: string[] = []
  const waits: number[] = []
  const seen = new Map<string, number>()
  let count = 0
  const carryOutStep = async (kind: string, { what, act, probe, expected }: Step) => {
    const on = at[count++ % at.length] as GatewayProcess
    await before()
    const began = performance.now()
    await act(on)
    waits.push(performance.now() - began)
    const outcomes = await Promise.all(at.map(probe))
    if (outcomes.some((each) => each !== expected)) wrong.push(`${kind} ${what}: ${outcomes}, expected ${expected}`)
    seen.set(`${kind} ${what}`, (seen.get(`${kind} ${what}`) ?? 0) + 1)
  }
  const names = Object.keys(kinds)
  let next = 0
  const rounds = async () => {
    while (count < changes) {
      const kind = names[next++ % names.length] as string
      for (const step of (await kinds[kind]?.()) ?? []) {
        // Facts in memory are what a change must reach.
        await Promise.all(at.map(step.probe))
        await carryOutStep(kind, step)
      }
    }
  }
  await Promise.all(Array.from({ length: ROUNDS_AT_ONCE }, rounds))
  return { wrong, waits, count, seen }
}

// Attack: an attacker with a revoked right asks the replica that hears of the revocation last.
t.test('each change of rights holds at three processes for the first request after its answer', async (t) => {
  const before = await replicas.barriers()
  const { wrong, waits, count, seen } = await carryOut(CHANGES, processes)
  t.same(wrong, [])
  t.ok(count >= CHANGES, `${count} changes`)
  t.ok(seen.size >= 23, `${seen.size} kinds of changes`)
  const after = await replicas.barriers()
  t.comment(
    `barrier: p50 at most ${barrierBound(after, before, 0.5)} ms, p99 at most ${barrierBound(after, before, 0.99)} ms`,
  )
  t.comment(
    `${count} changes; ms until the answer: p50 ${quantile(waits, 0.5).toFixed(1)}, p99 ${quantile(waits, 0.99).toFixed(1)}`,
  )
})

t.test(
  'each change holds at the other processes while one is stopped, and the stopped one refuses when it goes on',
  async (t) => {
    const others = processes.slice(0, -1)
    const stopped = processes.at(-1) as GatewayProcess
    stopped.child.kill('SIGSTOP')
    t.teardown(() => stopped.child.kill('SIGCONT'))
    const { id, key } = await replicas.change(
      others[0] as GatewayProcess,
      await replicas.world.bearer('owner'),
      'POST',
      `/v1/tenants/${replicas.world.acme.id}/keys`,
      { body: { name: 'Probed', scopes: [] } },
    )
    t.ok(id)
    const { wrong, waits } = await carryOut(Math.ceil(CHANGES / 10), others)
    t.same(wrong, [])
    t.comment(`ms until the answer: p50 ${quantile(waits, 0.5).toFixed(1)}, p99 ${quantile(waits, 0.99).toFixed(1)}`)
    await replicas.change(
      others[0] as GatewayProcess,
      await replicas.world.bearer('owner'),
      'DELETE',
      `/v1/tenants/${replicas.world.acme.id}/keys/${id}`,
    )
    const asked = replicas.outcome(stopped, '/v1/access', replicas.keyHeaders(key))
    stopped.child.kill('SIGCONT')
    t.equal(await asked, '401 invalid_tenant_credentials')
  },
)

// Attack: an attacker ends the connection on which a replica hears of revocations.
t.test('each change holds while the connections of the replicas are ended again and again', async (t) => {
  let ended = 0
  const cut = async () => {
    const rows = await replicas.maker.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'gatehouse-replica' order by random() limit 1`,
    )
    ended += rows.length
  }
  const { wrong } = await carryOut(Math.ceil(CHANGES / 10), processes, cut)
  t.same(wrong, [])
  t.ok(ended > 3, `${ended} connections ended`)
})

t.test('each change holds while another transaction stays open', async (t) => {
  const { url } = replicas.maker.test_database
  const client = new pg.Client(url)
  await client.connect()
  await client.query('begin')
  await client.query('select pg_current_xact_id()')
  const { wrong } = await carryOut(Math.ceil(CHANGES / 10), processes)
  await client.query('rollback')
  await client.end()
  t.same(wrong, [])
})

t.test('a change by psql holds everywhere within one lease', async (t) => {
  const owner = await replicas.world.bearer('owner')
  const on = processes[0] as GatewayProcess
  const path = `/v1/tenants/${replicas.world.acme.id}/keys`
  const { id, key } = await replicas.change(on, owner, 'POST', path, { body: { name: 'Probed', scopes: [] } })
  const probe = () =>
    Promise.all(processes.map((each) => replicas.outcome(each, '/v1/access', replicas.keyHeaders(key))))
  t.same(new Set(await probe()), new Set(['allowed']))
  await replicas.maker.sql(`update tenant_keys set revoked_at = now() where id = '${id}'`)
  const began = performance.now()
  await until(async () => (await probe()).every((each) => each === '401 invalid_tenant_credentials'))
  t.ok(performance.now() - began < LEASE_MS + ANSWER_MS_MAX, `${(performance.now() - began).toFixed(0)} ms`)
})

// The last test, because one process is gone after it.
t.test('while a replica is dead, a change is answered after a lease at most, and holds at the others', async (t) => {
  const dead = processes.at(-1) as GatewayProcess
  const others = processes.slice(0, -1)
  dead.child.kill('SIGKILL')
  await dead.exit
  const { wrong, waits } = await carryOut(Math.ceil(CHANGES / 10), others)
  t.same(wrong, [])
  const longest = Math.max(...waits)
  t.ok(longest < LEASE_MS + ANSWER_MS_MAX, `the longest change took ${longest.toFixed(0)} ms`)
})
