import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const SECRET = 'hidden-from-the-audit'

// Attack: an analyst, who may not see customers, reads their names, addresses and metadata in the audit, also of a customer
// that is deleted. An operator reads those of every tenant.
t.test('200 the audit of a customer holds the names of its fields, and no value', async (t) => {
  const owner = await world.as('owner')
  const created = await ask(gateway, '/v1/customers', {
    headers: owner,
    body: { name: SECRET, email: `${SECRET}@people.example`, metadata: { note: SECRET }, tags: [SECRET] },
  })
  const path = `/v1/customers/${created.body.id}`
  await ask(gateway, path, { method: 'PATCH', headers: owner, body: { name: `${SECRET} too`, external_id: SECRET } })
  await ask(gateway, path, { method: 'DELETE', headers: owner })

  t.equal((await ask(gateway, path, { headers: await world.as('analyst') })).status, 403)
  const query = `audit-events?target_id=${created.body.id}`
  for (const [list, person] of [
    [`/v1/tenants/${world.acme.id}/${query}`, 'analyst'],
    [`/v1/tenants/${world.acme.id}/audit-events/export?target_id=${created.body.id}`, 'analyst'],
    [`/v1/platform/${query}`, 'operator'],
  ] as const) {
    const answer = await ask(gateway, list, { headers: await world.bearer(person) })
    t.equal(answer.status, 200, list)
    t.match(answer.text, /customer\.deleted.*customer\.updated.*customer\.created/s, list)
    t.notMatch(answer.text, SECRET, list)
  }
  const { body } = await ask(gateway, `/v1/tenants/${world.acme.id}/${query}`, {
    headers: await world.bearer('analyst'),
  })
  t.same(
    body.data.map((event: { changes: unknown }) => event.changes),
    [{ fields: [] }, { fields: ['name', 'external_id'] }, { fields: ['name', 'email', 'metadata', 'tags'] }],
  )
})

const OLD = '00000000-0000-4000-8000-000000000001'

// Attack: an operator, or an analyst, reads the values of customers in events that an earlier release has written.
t.test('the lists leave out the values of customers in old events', async (t) => {
  await gateway.sql(`insert into audit_events (id, tenant_id, action, actor_kind, target_kind, target_id, changes,
    created_at, chain_seq, digest, hash)
    select gen_random_uuid(), tenant_id, 'customer.created', 'system', 'customer', '${OLD}', '{"after":{"name":"OLDMARK"}}',
      now(), length + 1, '\\x00', sha256('\\x00') from audit_chains where tenant_id = '${world.acme.id}'`)
  for (const [list, person] of [
    ['/v1/platform/audit-events', 'operator'],
    [`/v1/tenants/${world.acme.id}/audit-events`, 'analyst'],
  ] as const) {
    const { body, text } = await ask(gateway, `${list}?target_id=${OLD}`, { headers: await world.bearer(person) })
    t.match(body.data, [{ action: 'customer.created', changes: {} }], list)
    t.notMatch(text, /OLDMARK/, list)
  }
})
