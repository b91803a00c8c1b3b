import { startGateway } from '../../helpers/gateway.js'
import { type Ask, ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme } = world
const owner = await world.bearer('owner')

const create = async (body: object = {}) =>
  (await ask(gateway, `/v1/tenants/${acme.id}/keys`, { headers: owner, body: { name: 'Script', ...body } })).body as {
    id: string
    key: string
  }
const asKey = (key: string, path = '', more: Ask = {}) =>
  ask(gateway, `/v1/key${path}`, { headers: keyHeaders({ id: acme.id, key }), ...more })

t.test('200 a key without a user sees the same of itself as its managers', async (t) => {
  const { id, key } = await create({ scopes: ['conversations:view'] })
  const own = await asKey(key)
  t.equal(own.status, 200)
  const managed = (await ask(gateway, `/v1/tenants/${acme.id}/keys/${id}`, { headers: owner })).body
  t.strictSame(own.body, managed)
  t.match(own.body, { id, secrets: [{ requests: 1 }] }, 'this request is counted')
  t.notOk(own.text.includes(key.slice(17)))
})

t.test('201 a script rotates its own key without any scope, and the audit event names the key', async (t) => {
  const { id, key } = await create()
  const rotated = await asKey(key, '/rotate', { body: { overlap_seconds: 60 } })
  t.equal(rotated.status, 201, rotated.text)
  t.equal(rotated.body.id, id)
  t.strictSame([(await asKey(key)).status, (await asKey(rotated.body.key)).status], [200, 200])
  t.equal((await asKey(key, '/rotate', { body: { overlap_seconds: 60 } })).body.code, 'rotation_in_progress')
  gateway.clock.advance(60_001)
  t.equal((await asKey(key)).status, 401)
  const [event] = await gateway.sql(
    `select actor_kind, actor_id, changes::text from audit_events where target_id = '${id}' and action = 'tenant_key.rotated'`,
  )
  t.match(event, { actor_kind: 'key', actor_id: id })
  t.notOk(String(event?.changes).includes(rotated.body.key.slice(17, 40)))
})

// Attack: uses an old secret that leaked to take the key over. The owner ends it with overlap 0. Without that, the old
// secret must not gain validity beyond its overlap.
t.test('409 an old secret cannot extend its own validity', async (t) => {
  const { key: old } = await create()
  const fresh = (await asKey(old, '/rotate', { body: { overlap_seconds: 60 } })).body.key
  t.equal((await asKey(old, '/rotate', { body: { overlap_seconds: 2_592_000 } })).status, 409)
  gateway.clock.advance(60_001)
  t.equal((await asKey(old, '/rotate', { body: { overlap_seconds: 60 } })).status, 401)
  t.equal((await asKey(fresh)).status, 200)
})

t.test('204 a key revokes itself: its next request is refused, and other keys stay valid', async (t) => {
  const { id, key } = await create()
  t.equal((await asKey(key, '', { method: 'DELETE' })).status, 204)
  t.match(await asKey(key), { status: 401, body: { code: 'invalid_tenant_credentials' } })
  t.equal((await asKey(key, '', { method: 'DELETE' })).status, 401)
  t.equal((await asKey(acme.integration_key)).status, 200)
  const events = await gateway.sql(
    `select actor_kind, actor_id from audit_events where target_id = '${id}' and action = 'tenant_key.revoked'`,
  )
  t.strictSame(events, [{ actor_kind: 'key', actor_id: id }])
})

// Attack: a user with any role also has the tenant key. Without this rule an Agent could revoke or rotate it.
t.test('403 a user cannot use the routes of a key, neither an Agent nor the Owner', async (t) => {
  const { key } = await create()
  for (const person of ['agent', 'owner'] as const) {
    const headers = await world.as(person, { id: acme.id, key })
    const tries: [string, Ask][] = [
      ['', {}],
      ['', { method: 'DELETE' }],
      ['/rotate', { body: { overlap_seconds: 0 } }],
    ]
    for (const [path, more] of tries) {
      t.match(await asKey(key, path, { ...more, headers }), { status: 403, body: { code: 'key_required' } })
    }
  }
  t.equal((await asKey(key)).status, 200, 'the key stays valid')
  const bad = { ...keyHeaders({ id: acme.id, key }), authorization: 'Bearer nonsense' }
  t.equal((await asKey(key, '', { headers: bad })).status, 401, 'an invalid access token never falls back to the key')
})
