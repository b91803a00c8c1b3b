import { sql as query } from 'drizzle-orm'
import { NIL_UUID } from '../../../src/kernel/ids/uuid.js'
import { Problem } from '../../../src/kernel/problems/problems.js'
import { type Bus, openBus } from '../../../src/kernel/store/bus.js'
import type { LiveEvent } from '../../../src/kernel/store/events.js'
import { startGateway } from '../../helpers/gateway.js'
import { openRawStores } from '../../helpers/raw-stores.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const { acme } = await buildWorld(gateway)
const { database, sql } = gateway
const NOBODY = { actor: { kind: 'anonymous' as const, id: null }, address: null, user_agent: null, request_id: null }
/** Returns a bus that passes each published event to `record`. */
function recordingBus(record: (event: LiveEvent) => void): Bus {
  const bus = openBus((error) => t.fail(String(error)))
  bus.subscribe(record)
  return bus
}
const unit = (told: LiveEvent[] = []) => {
  const bus = recordingBus((event) => told.push(event))
  return openRawStores({ database, clock: gateway.clock.now, bus }).tenant(acme.id, () => NOBODY)
}
const typing = (user_id: string): LiveEvent => ({
  kind: 'chat_typing',
  tenant_id: acme.id,
  conversation_id: acme.id,
  user_id,
  is_typing: true,
})
const store = () => gateway.stores.tenant(acme.id, () => NOBODY)
const countOf = async (table: string) => (await sql(`select count(*)::int as count from ${table}`))[0]?.count

t.test('a failure in a transaction rolls back its changes, its audit event and its published events', async (t) => {
  const before = [await countOf('customers'), await countOf('audit_events')]
  const told: LiveEvent[] = []
  const failures: Record<string, () => unknown> = {
    'an error of ours': () => Promise.reject(new Error('ours')),
    'a refusal': () => Promise.reject(new Problem('last_owner')),
    'nothing at all': () => Promise.reject(undefined),
  }
  for (const [what, fail] of Object.entries(failures)) {
    const write = unit(told).write('customer.created', async ({ raw }) => {
      await raw.scope.queries.execute(
        query.raw(`insert into customers (tenant_id, id, name, created_at, updated_at)
        values ('${acme.id}', gen_random_uuid(), 'Undone', now(), now())`),
      )
      raw.scope.recordChange({ kind: 'customer', id: NIL_UUID, tenant_id: acme.id, changes: { fields: [] } })
      raw.scope.publish(typing('nobody'))
      await fail()
    })
    await t.rejects(write, what)
    t.same([await countOf('customers'), await countOf('audit_events')], before, what)
  }
  const swallowed = unit(told).write('customer.created', async ({ raw }) => {
    await raw.scope.queries.execute(query.raw('select 1 / 0')).catch(() => undefined)
    raw.scope.recordChange({ kind: 'customer', id: NIL_UUID, tenant_id: acme.id, changes: { fields: [] } })
    raw.scope.publish(typing('nobody'))
  })
  await t.rejects(swallowed, 'an error of the database that the work ignored')
  t.same([await countOf('customers'), await countOf('audit_events')], before)
  t.same(told, [], 'published events')
})

// A listener must not get an event before its change is committed, because the transaction can still fail.
t.test('the bus delivers published events after the commit, once and in order', async (t) => {
  const told: LiveEvent[] = []
  const at: unknown[] = []
  const watched = openRawStores({
    database: {
      ...database,
      transaction: async (binding, work) => {
        const result = await database.transaction(binding, work)
        at.push('committed')
        return result
      },
    },
    clock: gateway.clock.now,
    bus: recordingBus((event) => {
      told.push(event)
      at.push('told')
    }),
  }).tenant(acme.id, () => NOBODY)
  await watched.write('customer.created', async ({ raw }) => {
    raw.scope.recordChange({ kind: 'customer', id: NIL_UUID, tenant_id: acme.id, changes: { fields: [] } })
    raw.scope.publish(typing('first'))
    raw.scope.publish(typing('second'))
    at.push('worked')
  })
  t.same(at, ['worked', 'committed', 'told', 'told'])
  t.same(told, [typing('first'), typing('second')], 'no rights_changed for a customer')
})

// The writes of a tenant wait for the lock of its audit chain. `finish` commits with the last statement, so that no
// write holds the lock while its result travels to the gateway.
t.test('the last statement of a write commits it, and a failure rolls back the whole write', async (t) => {
  const binding = { role: 'gatehouse_tenant', tenant_id: acme.id } as const
  const rename = (name: string) => ({
    text: 'update tenants set name = $1 where id = $2 returning name',
    values: [name, acme.id],
    row_mode: 'object' as const,
  })
  const names = async () =>
    (await gateway.sql(`select name from tenants where id = '${acme.id}'`)).map(({ name }) => name)
  const [before] = await names()
  let seen: unknown[] = []
  const rows = await database.transaction(binding, async (_run, finish) => {
    const answered = await finish(rename('Committed with it'))
    // The embedded engine has one connection. A query here would wait for the end of this transaction.
    if (database.engine === 'pooled') seen = await names()
    return answered
  })
  t.same(rows, [{ name: 'Committed with it' }])
  if (database.engine === 'pooled') t.same(seen, ['Committed with it'], 'the committed row before the work ends')
  const failing = { text: 'select 1 / $1::int', values: [0], row_mode: 'object' as const }
  await t.rejects(
    database.transaction(binding, async (run, finish) => {
      await run(rename('Not to be seen'))
      await finish(failing)
    }),
    { code: '22012' },
  )
  await t.rejects(
    database.transaction(binding, async (run, finish) => {
      await run(failing).catch(() => undefined)
      await finish(rename('Not to be seen either'))
    }),
    'after an error that the work ignored',
  )
  t.same(await names(), ['Committed with it'])
  await database.transaction(binding, (_run, finish) => finish(rename(String(before))))
  t.same(await names(), [before])
})

t.test('a write must call recordChange or recordNoChange exactly once', async (t) => {
  await t.rejects(
    unit().write('customer.created', async () => undefined),
    { message: /must say once/ },
  )
  await t.rejects(
    unit().write('customer.created', async ({ raw: { scope } }) => {
      scope.recordNoChange()
      scope.recordNoChange()
    }),
    { message: /must say once/ },
  )
  const before = await countOf('audit_events')
  await unit().write('customer.created', async ({ raw }) => raw.scope.recordNoChange())
  t.equal(await countOf('audit_events'), before, 'no event for no change')
})

// A nested transaction would wait for itself: the embedded engine has one connection, and a small pool can be used up.
t.test('a store that is used inside its own transaction throws', async (t) => {
  const own = store()
  const inner = [
    () => own.read((readers) => readers.roles.all()),
    () => own.write('customer.created', (writers) => writers.customers.create({ name: 'Nested' })),
  ]
  for (const nested of inner) {
    const write = own.write('customer.created', async (writers) => {
      await writers.customers.create({ name: 'Outer' })
      return nested()
    })
    await t.rejects(write, { message: /inside of its own transaction/ })
  }
  t.equal(await countOf(`customers where name in ('Outer', 'Nested')`), 0)
  await own.write('customer.created', (writers) => writers.customers.create({ name: 'Afterwards' }))
  t.equal(await countOf(`customers where name = 'Afterwards'`), 1, 'the store works again')
})

// Attack: an attacker reads digests and hashes in the log. The error of the query builder quotes every value of a statement.
t.test('an error of the database is the error of the driver, without the values of the statement', async (t) => {
  const failing = unit().read(({ raw }) => raw.scope.queries.execute(query`select ${'secret'}, 1 / ${0}::int`))
  const error = await failing.catch((failure: unknown) => failure as Error & { code?: string })
  if (!(error instanceof Error)) throw new Error('it did not fail')
  t.equal(error.code, '22012')
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    t.notMatch(`${current.name} ${current.message}`, /Drizzle|secret|params/)
  }
})
