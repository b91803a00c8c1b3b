import { openStores } from '../../../src/app/composition/stores.js'
import { applyRetention } from '../../../src/app/retention.js'
import type { Database } from '../../../src/kernel/database/database.js'
import { LEASE_BARRIER } from '../../../src/kernel/replicas/barrier.js'
import { writeDaysAgo } from '../../helpers/aged-rows.js'
import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, type Person } from '../../helpers/world.js'

const DAY_MS = 86_400_000
const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const { sql, database } = gateway
const { call, say } = conversationCalls(gateway, world)
const apply = () => applyRetention(gateway.stores)
const settings = async (retention: unknown, person: Person = 'owner') =>
  ask(gateway, `/v1/tenants/${acme.id}`, {
    method: 'PATCH',
    headers: await world.bearer(person),
    body: { retention },
  })
/** Ends the 24 hours after a shorter retention. The trigger of the table does not fire in this mode. */
const pass24Hours = () =>
  sql(`set session_replication_role = replica; update tenants set retention_from = now() - interval '1 second'
    where retention_from is not null; reset session_replication_role`)
const asRole = (role: 'gatehouse_tenant' | 'gatehouse_platform', text: string) =>
  database.transaction(role === 'gatehouse_tenant' ? { role, tenant_id: acme.id } : { role, share: 'test' }, (run) =>
    run({ text, values: [], row_mode: 'array' }),
  )
const count = async (from: string) => Number((await sql(`select count(*)::int as rows from ${from}`))[0]?.rows)

const old = await writeDaysAgo(gateway, 40, acme, ids.owner)
const of_globex = await writeDaysAgo(gateway, 40, globex, ids.other_owner)
const young = await writeDaysAgo(gateway, 20, acme, ids.owner)
const answered = await say('lead', old.id, 'an answer', { reply_to: old.messages[0]?.id })
/** How many rows of each kind the other tenant has. */
const ofGlobex = async () => {
  const rows: number[] = []
  for (const table of ['messages', 'message_reports', 'usage_hours', 'audit_events', 'audit_links']) {
    rows.push(await count(`${table} where tenant_id = '${globex.id}'`))
  }
  return rows
}
const globex_before = await ofGlobex()

t.test('400 403 the retention has bounds, and needs settings:manage', async (t) => {
  for (const wrong of [
    ...[0, -1, 3_651, 1.5, '30', true].map((days) => ({ messages_days: days })),
    ...[{}, null, [], { days: 1 }, { starts_at: '2020-01-01T00:00:00Z' }, { retention_from: null }],
  ]) {
    t.match(await settings(wrong), { status: 400, body: { code: 'validation_failed' } }, JSON.stringify(wrong))
  }
  t.match(await settings({ usage_days: 1 }, 'lead'), { status: 403, body: { missing: ['settings:manage'] } })
})

// Attack: a stolen token of an Admin sets the retention to one day, to destroy the data and its traces at once.
t.test('200 a shorter retention deletes nothing for 24 hours, and the change is in the audit', async (t) => {
  const changed = await settings({ messages_days: 1, data_audit_days: 30 }, 'admin')
  t.match(changed, { status: 200, body: { retention: { messages_days: 1, data_audit_days: 30, usage_days: null } } })
  const ahead_ms = Date.parse(changed.body.retention.starts_at) - Date.now()
  t.ok(Math.abs(ahead_ms - DAY_MS) < 60_000, `${ahead_ms} ms ahead`)
  const before = [await count('messages'), await count('audit_events')]
  await apply()
  t.same([await count('messages'), await count('audit_events')], before)

  const longer = await settings({ messages_days: 30 })
  t.equal(longer.body.retention.starts_at, changed.body.retention.starts_at, 'a longer one changes no time')
  t.match((await settings({ usage_days: 30 })).body.retention, {
    messages_days: 30,
    data_audit_days: 30,
    usage_days: 30,
  })
  const told = await sql(`select changes from audit_events where action = 'tenant.updated' order by seq`)
  t.match(told[0]?.changes, {
    before: { retention: { messages_days: null, data_audit_days: null, usage_days: null } },
    after: { retention: { messages_days: 1, data_audit_days: 30, usage_days: null } },
  })
})

// Attack: takes over the gateway, and uses its database roles to delete what the retention keeps.
t.test(
  '42501 no database role of the gateway deletes what the retention keeps, or shortens the 24 hours',
  async (t) => {
    for (const text of [
      `update tenants set retention_from = null where id = '${acme.id}'`,
      'delete from messages',
      'delete from conversations',
      `update messages set created_at = '2020-01-01'`,
      'delete from usage_hours',
      'delete from audit_links',
      'update audit_links set digest = hash',
      `insert into audit_links values ('${acme.id}', 1, '', '')`,
      `select expired_before('messages')`,
    ]) {
      await t.rejects(asRole('gatehouse_tenant', text), { code: '42501' }, text)
    }
    for (const name of ['delete_expired_messages', 'delete_expired_usage', 'erase_audit_events']) {
      await t.rejects(asRole('gatehouse_platform', `select ${name}(1)`), { code: '42501' }, name)
    }
    const [{ starts_at: before } = {}] = await sql(
      `select retention_from as starts_at from tenants where id = '${acme.id}'`,
    )
    await asRole('gatehouse_platform', `update tenants set retention_from = null where id = '${acme.id}'`)
    const [{ starts_at: after } = {}] = await sql(
      `select retention_from as starts_at from tenants where id = '${acme.id}'`,
    )
    t.same(after, before, 'the platform may update tenants, and the trigger keeps the moment')
    const rows = [await count('messages'), await count('audit_events'), await count('usage_hours')]
    for (const name of ['delete_expired_messages', 'delete_expired_usage', 'erase_audit_events']) {
      await asRole('gatehouse_tenant', `select ${name}(1000000)`)
    }
    t.same([await count('messages'), await count('audit_events'), await count('usage_hours')], rows)
  },
)

t.test('what is older than the retention is deleted once, also by two replicas at the same time', async (t) => {
  await pass24Hours()
  await Promise.all([apply(), apply()])
  const list = await call('lead', 'GET', `/v1/conversations/${old.id}/messages`)
  t.match(list.body.data, [{ id: answered.id, seq: 4, reply_to: null }], 'the answer stays, without what it answered')
  t.equal(list.body.data.length, 1)
  t.equal((await say('lead', old.id, 'next')).seq, 5, 'the numbers go on')
  const still = await call('lead', 'GET', `/v1/conversations/${young.id}/messages`)
  t.equal(still.body.data.length, 3, 'messages that are 20 days old')
  t.equal(await count(`message_reports where tenant_id = '${acme.id}'`), 1, 'a report goes with its message')
  t.equal(await count(`usage_hours where tenant_id = '${acme.id}' and key_id = 'aged'`), 1)

  const of_acme = `tenant_id = '${acme.id}' and created_at < now() - interval '30 days'`
  const kept = await sql(`select action from audit_events where ${of_acme}`)
  t.same(kept, [{ action: 'tenant_key.created' }], 'an event of the management plane stays')
  t.equal(await count(`audit_links where tenant_id = '${acme.id}'`), 6)
  t.same(await ofGlobex(), globex_before, 'a tenant without a retention')
  t.equal((await call('lead', 'GET', `/v1/customers/${old.customer.id}`)).status, 200, 'a customer does not expire')

  const events = await sql(`select actor_kind, actor_id, target_kind, changes from audit_events
    where action = 'retention.applied' order by seq`)
  const deleted = { messages: 0, audit_events: 0, usage_hours: 0 }
  for (const { actor_kind, actor_id, target_kind, changes } of events) {
    t.same([actor_kind, actor_id, target_kind], ['system', 'retention', 'tenant'])
    const of_run = (changes as { deleted: typeof deleted }).deleted
    for (const kind of Object.keys(deleted) as (keyof typeof deleted)[]) deleted[kind] += of_run[kind]
  }
  t.same(deleted, { messages: 3, audit_events: 6, usage_hours: 1 })
  const before = await count('audit_events')
  await apply()
  t.equal(await count('audit_events'), before, 'a run that finds nothing records nothing')
  t.same(of_globex.messages.length, 3)
})

t.test(
  'a tenant whose deletion fails does not stop the retention of the others, and the failure is reported',
  async (t) => {
    await sql(`update tenants set retention_messages_days = 30 where id = '${globex.id}'`)
    await pass24Hours()
    for (const [failing, other, conversation_id] of [
      [globex.id, acme.id, young.id],
      [acme.id, globex.id, of_globex.id],
    ] as const) {
      await sql(`update messages set created_at = now() - interval '50 days'`)
      const breaking: Database = {
        ...database,
        transaction: async (binding, work) => {
          if (binding.role === 'gatehouse_tenant' && binding.tenant_id === failing) throw new Error('of this tenant')
          return database.transaction(binding, work)
        },
      }
      const stores = openStores({
        database: breaking,
        clock: gateway.clock.now,
        bus: gateway.bus,
        barrier: LEASE_BARRIER,
      })
      await t.rejects(applyRetention(stores), { message: 'of this tenant' })
      t.equal(await count(`messages where conversation_id = '${conversation_id}'`), 0, `the tenant ${other}`)
    }
  },
)

t.test('the retention of a deleted tenant goes on', async (t) => {
  await sql(`insert into usage_hours values ('${globex.id}', now() - interval '90 days', 'aged', 'GET /', 200, '', 1, 1, 1);
    update tenants set deleted_at = now(), retention_usage_days = 30 where id = '${globex.id}'`)
  await pass24Hours()
  await apply()
  t.equal(await count(`usage_hours where tenant_id = '${globex.id}' and hour < now() - interval '30 days'`), 0)
})

// A client that got an empty page at once would poll again at once, for ever.
t.test('200 a long poll in a conversation whose messages have expired waits for the next message', async (t) => {
  let is_answered = false
  const poll = call('lead', 'GET', `/v1/conversations/${young.id}/messages?after=0&wait=20`).then((answer) => {
    is_answered = true
    return answer
  })
  // Several requests, so that the poll has had the time of more than one response.
  for (let other = 0; other < 5; other += 1) await call('lead', 'GET', `/v1/conversations/${young.id}`)
  t.notOk(is_answered)
  const { id } = await say('lead', young.id, 'the next one')
  t.match((await poll).body.data, [{ id, seq: 4 }])
})
