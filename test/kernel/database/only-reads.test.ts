import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const headers = await world.as('owner')

/** Makes the database read-only, as a server is after a failover, or writable again. */
async function onlyReads(value: 'on' | 'off'): Promise<void> {
  if (gateway.database.engine === 'embedded') {
    await gateway.sql(`set default_transaction_read_only = ${value}`)
    return
  }
  await gateway.sql(`set transaction_read_only = off;
    do $$ begin execute format('alter database %I set default_transaction_read_only = ${value}', current_database()); end $$`)
  if (value === 'off') return
  // A failover ends the connections. Those that the gateway opens now only read.
  await gateway.sql(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and application_name = 'gatehouse'`)
}

t.test(
  '503 for writes and for readiness while the database only reads, and both recover without a restart',
  async (t) => {
    const write = () => ask(gateway, '/v1/customers', { headers, body: { name: 'Ada' } })
    const ready = async () => (await ask(gateway, '/readyz')).status
    t.equal((await write()).status, 201)
    t.equal(await ready(), 200)
    await onlyReads('on')
    t.teardown(() => onlyReads('off'))
    await until('the gateway is not ready', async () => (await ready()) === 503)
    const refused = await until('a write is refused', async () => {
      const answer = await write()
      return answer.status === 201 ? undefined : answer
    })
    t.match(refused, { status: 503, body: { code: 'service_unavailable' } })
    t.ok(refused.headers.get('retry-after'))
    await onlyReads('off')
    // No request writes meanwhile: a balancer sends none to a replica that is not ready.
    await until('the gateway is ready again', async () => (await ready()) === 200)
    await until('the gateway writes again', async () => (await write()).status === 201)
    const told = gateway.lines
      .map((line) => (JSON.parse(line) as { msg: string }).msg)
      .filter((msg) => / ready|ready /.test(msg))
    t.strictSame(told, ['not ready', 'ready again'], 'one line for each change, and none for a probe')
  },
)
