import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme } = world
const headers = await world.as('owner')

// Attack: a member who may read the audit, but no customers, reads the values of customers in the audit, also of deleted ones.
t.test('the audit names the changed fields of a customer, and holds none of the values', async (t) => {
  const made = await ask(gateway, '/v1/customers', {
    headers,
    body: { name: 'Ada SECRETMARK', email: 'secretmark@example.com', metadata: { plan: 'SECRETMARK' } },
  })
  t.equal(made.status, 201)
  const path = `/v1/customers/${made.body.id}`
  t.equal((await ask(gateway, path, { method: 'PATCH', headers, body: { phone: '+4915112345678' } })).status, 200)
  t.equal((await ask(gateway, path, { method: 'DELETE', headers })).status, 204)
  for (const person of ['analyst', 'owner'] as const) {
    const list = `/v1/tenants/${acme.id}/audit-events?target_id=${made.body.id}`
    const { body, text } = await ask(gateway, list, { headers: await world.bearer(person) })
    t.same(
      body.data.map(({ action, changes }: { action: string; changes: unknown }) => [action, changes]),
      [
        ['customer.deleted', { fields: [] }],
        ['customer.updated', { fields: ['phone'] }],
        ['customer.created', { fields: ['name', 'email', 'metadata'] }],
      ],
    )
    t.notMatch(text, /secretmark|4915112345678/i)
  }
})

// Attack: an operator reads the values of customers in events that an earlier release has written.
t.test('the platform list leaves out the values of customers in old events', async (t) => {
  await gateway.sql(`insert into audit_events (id, tenant_id, action, actor_kind, target_kind, target_id, changes,
    created_at, chain_seq, digest, hash)
    select gen_random_uuid(), tenant_id, 'customer.created', 'system', 'customer', 'old', '{"after":{"name":"OLDMARK"}}',
      now(), length + 1, '\\x00', sha256('\\x00') from audit_chains where tenant_id = '${acme.id}'`)
  const query = '/v1/platform/audit-events?target_id=old'
  const { body, text } = await ask(gateway, query, { headers: await world.bearer('operator') })
  t.match(body.data, [{ action: 'customer.created', changes: {} }])
  t.notMatch(text, /OLDMARK/)
})
