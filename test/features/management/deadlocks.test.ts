import { randomUUID } from 'node:crypto'
import { KeyUseCounter } from '../../../src/features/keys/use-store.js'
import type { KeyUse } from '../../../src/kernel/credentials/key-use.js'
import { queriesOn } from '../../../src/kernel/database/queries.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme } = world
const [owner, lead] = [await world.bearer('owner'), await world.as('lead')]

/** Creates users with an active membership of Acme, and for each a conversation that is assigned to them. */
async function crowd(size: number) {
  const pairs = Array.from({ length: size }, () => ({ user_id: randomUUID(), conversation_id: randomUUID() }))
  for (const { user_id, conversation_id } of pairs) {
    await gateway.sql(`
      insert into users (id, email, name, password_hash, created_at) values ('${user_id}', '${user_id}@people.example', 'Crowd', '', now());
      insert into memberships values ('${acme.id}', '${user_id}', 'active', now(), now());
      insert into conversations (tenant_id, id, title, assignee_id, channel, visibility, status, created_at, updated_at, last_activity_at)
        values ('${acme.id}', '${conversation_id}', 'Crowded', '${user_id}', 'web', 'tenant', 'open', now(), now(), now());
      insert into conversation_members values ('${acme.id}', '${conversation_id}', '${world.ids.lead}', 'owner', now())`)
  }
  return pairs
}

// A removal from the tenant locked the membership and then the conversation, and an addition did the opposite.
t.test('no addition to a conversation deadlocks with the removal of the same user from the tenant', async (t) => {
  for (const { user_id, conversation_id } of await crowd(30)) {
    const answers = await Promise.all([
      ask(gateway, `/v1/conversations/${conversation_id}/members`, { headers: lead, body: { user_id } }),
      ask(gateway, `/v1/tenants/${acme.id}/members/${user_id}`, { method: 'DELETE', headers: owner }),
    ])
    const [added, removed] = answers.map(({ status }) => status)
    t.ok(added === 201 || added === 400, `added: ${added}`)
    t.equal(removed, 204)
  }
})

// Two replicas count the use of the same keys, each in the order in which its requests came.
t.test('two writes of the use of the same keys do not deadlock', async (t) => {
  const keys: KeyUse[] = []
  for (let number = 0; number < 40; number += 1) {
    const { record } = await acme.store.write('tenant_key.created', (store) =>
      store.keys.create({ name: `Used ${number}`, scopes: [] }),
    )
    const [row] = await gateway.sql(`select secret_digest from tenant_keys where id = '${record.id}'`)
    const digest = row?.secret_digest as Uint8Array
    keys.push({ tenant_id: acme.id, key_id: record.id, digest, requests: 1, last_used_at: '2026-01-01T00:00:00.000Z' })
  }
  const { database } = gateway.test_database
  const add = (uses: readonly KeyUse[]) =>
    database.transaction({ role: 'gatehouse_platform', share: 'test' }, (run) =>
      new KeyUseCounter({ queries: queriesOn(run), now: '2026-01-01T00:00:00.000Z' }).add(uses),
    )
  const writes = Array.from({ length: 30 }, (_, number) => add(number % 2 === 0 ? keys : keys.toReversed()))
  const outcomes = await Promise.allSettled(writes)
  t.same(
    outcomes.filter(({ status }) => status === 'rejected'),
    [],
  )
  const counted = await gateway.sql(`select distinct secret_requests::int as requests from tenant_keys
    where name like 'Used %'`)
  t.same(counted, [{ requests: writes.length }])
})
