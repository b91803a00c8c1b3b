import { digestOfSecret, parseTenantKey } from '../../../src/kernel/credentials/tenant-key.js'
import { systemOrigin } from '../../../src/kernel/store/audit-record.js'
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
  const third = await asKey(rotated.body.key, '/rotate', { body: { overlap_seconds: 60 } })
  t.equal(third.body.code, 'rotation_in_progress')
  gateway.clock.advance(60_001)
  t.equal((await asKey(key)).status, 401)
  const [event] = await gateway.sql(
    `select actor_kind, actor_id, changes::text from audit_events where target_id = '${id}' and action = 'tenant_key.rotated'`,
  )
  t.match(event, { actor_kind: 'key', actor_id: id })
  t.notOk(String(event?.changes).includes(rotated.body.key.slice(17, 40)))
})

const superseded = { status: 403, body: { code: 'superseded_secret' } }

// Attack: the client uses an old secret that leaked, in its overlap, to take the key over or to revoke it.
t.test('403 an old secret can neither rotate nor revoke the key, and cannot extend its own validity', async (t) => {
  const { key: old } = await create()
  const fresh = (await asKey(old, '/rotate', { body: { overlap_seconds: 60 } })).body.key
  for (const overlap_seconds of [0, 60, 2_592_000]) {
    t.match(await asKey(old, '/rotate', { body: { overlap_seconds } }), superseded, `overlap ${overlap_seconds}`)
  }
  t.match(await asKey(old, '', { method: 'DELETE' }), superseded)
  t.strictSame([(await asKey(old)).status, (await asKey(fresh)).status], [200, 200], 'both secrets stay valid')
  gateway.clock.advance(60_001)
  t.equal((await asKey(old, '/rotate', { body: { overlap_seconds: 60 } })).status, 401)
  t.equal((await asKey(fresh)).status, 200)
})

// Attack: the client rotates the key with a leaked secret at the moment at which its owner rotates it with overlap 0. The
// table allows both requests, so the second one must find out under the lock that its secret is no longer the current one.
t.test('201 403 of two rotations with one secret at the same time, only one returns a valid secret', async (t) => {
  const refusals: string[] = []
  for (let round = 0; round < 10; round += 1) {
    const { id, key } = await create()
    const overlaps = round % 2 === 0 ? [0, 600] : [600, 0]
    const answers = await Promise.all(
      overlaps.map((overlap_seconds) => asKey(key, '/rotate', { body: { overlap_seconds } })),
    )
    const made = answers.filter(({ status }) => status === 201)
    t.equal(made.length, 1, `round ${round}`)
    refusals.push(...answers.filter(({ status }) => status !== 201).map(({ body }) => body.code))
    const events = await gateway.sql(
      `select from audit_events where target_id = '${id}' and action = 'tenant_key.rotated'`,
    )
    t.equal(events.length, 1, 'one event')
  }
  t.ok(refusals.includes('superseded_secret'), 'some refusals came from the check under the lock')
})

// Attack: the client revokes the key with a leaked secret while its owner rotates the key.
t.test('401 403 a revocation that waits behind a rotation is refused', async (t) => {
  for (const [overlap_seconds, code] of [
    [0, 'invalid_tenant_credentials'],
    [600, 'superseded_secret'],
  ] as const) {
    const { id, key } = await create()
    const { secret } = parseTenantKey(key) ?? {}
    const proof = { session_id: null, key_digest: digestOfSecret(String(secret)) }
    const thief = gateway.stores.tenant(acme.id, () => ({ ...systemOrigin('test'), actor: { kind: 'key', id }, proof }))
    const rotated = await asKey(key, '/rotate', { body: { overlap_seconds } })
    await t.rejects(
      thief.write('tenant_key.revoked', (store) => store.keys.revoke(id)),
      { code },
    )
    t.equal((await asKey(rotated.body.key)).status, 200)
  }
})

// Attack: the client repeats the rotation with the old secret and its Idempotency-Key to receive the new secret.
t.test('403 an old secret never receives the new one from a stored response', async (t) => {
  const { id, key } = await create()
  const rotate = (secret: string) =>
    asKey(secret, '/rotate', {
      headers: { ...keyHeaders({ id: acme.id, key: secret }), 'idempotency-key': 'rotate-2026-11' },
      body: { overlap_seconds: 600 },
    })
  const rotated = await rotate(key)
  t.equal(rotated.status, 201)
  const again = await rotate(key)
  t.match(again, superseded)
  t.notOk(again.text.includes(rotated.body.key.slice(17)))
  const stored = await gateway.sql(`select answer from idempotency_records where principal like 'key:${id}:%'`)
  t.strictSame(stored, [{ answer: null }], 'the gateway does not store the response')
  t.match(await rotate(rotated.body.key), { status: 409, body: { code: 'rotation_in_progress' } })
})

// Attack: the client sends the Idempotency-Key of a request of the other secret to receive its response.
t.test('201 the two secrets of a key are different principals of an Idempotency-Key', async (t) => {
  const { key: old } = await create({ scopes: ['customers:edit'] })
  const fresh = (await asKey(old, '/rotate', { body: { overlap_seconds: 600 } })).body.key
  const post = (key: string) =>
    ask(gateway, '/v1/customers', {
      headers: { ...keyHeaders({ id: acme.id, key }), 'idempotency-key': 'import-1' },
      body: { name: 'Imported' },
    })
  const [first, again, other] = [await post(fresh), await post(fresh), await post(old)]
  t.equal(again.body.id, first.body.id, 'the same secret')
  t.equal(other.status, 201)
  t.not(other.body.id, first.body.id, 'the old secret')
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
