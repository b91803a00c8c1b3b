import { sweepSessions } from '../../../src/app/sweep.js'
import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import { openTestDatabase } from '../../helpers/database.js'
import { startGateway } from '../../helpers/gateway.js'
import { addMember } from '../../helpers/members.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'

const DAY_MS = 86_400_000
const test_database = await openTestDatabase()
const signing_keys = generateSigningKeys()
const gateway = await startGateway({ on: test_database, signing_keys })
t.teardown(async () => {
  await gateway.close()
  await test_database.close()
})
const world = await buildWorld(gateway)
const { acme, globex } = world
const owner = await world.bearer('owner')
const keys_of_acme = `/v1/tenants/${acme.id}/keys`

let sent = 0
const fresh = () => `test-${++sent}`
const post = (path: string, key: string, body: unknown, headers: Record<string, string> = owner) =>
  ask(gateway, path, { headers: { ...headers, 'idempotency-key': key }, body })
const create = (key: string, body: object = { name: 'Once' }, headers = owner) => post(keys_of_acme, key, body, headers)
const keysNamed = async (name: string) =>
  (await gateway.sql(`select id from tenant_keys where name = '${name}' order by id`)).length
const recordsOf = (key: string) => gateway.sql(`select * from idempotency_records where key = '${key}'`)

// A client that lost the response sends the request again. It must not create the resource twice.
t.test('201 a repeated request gets the first response with Idempotency-Replayed and creates nothing', async (t) => {
  const key = fresh()
  const first = await create(key, { name: 'Replayed', scopes: ['agents:view'] })
  t.equal(first.status, 201)
  t.notOk(first.headers.has('idempotency-replayed'))
  // The same JSON value in another spelling is the same request.
  const again = await create(key, { scopes: ['agents:view'], name: 'Replayed' })
  t.equal(again.status, 201)
  t.equal(again.text, first.text, 'byte for byte, with the secret that is shown once')
  t.equal(again.headers.get('idempotency-replayed'), 'true')
  t.equal(again.headers.get('content-type'), first.headers.get('content-type'))
  t.not(again.headers.get('x-request-id'), first.headers.get('x-request-id'))
  t.equal(await keysNamed('Replayed'), 1)
  const events = await gateway.sql(`select id from audit_events where target_id = '${first.body.id}'`)
  t.equal(events.length, 1, 'one event for the one change')
  const role = { name: 'Tagged', scopes: [] }
  const roles = `/v1/tenants/${acme.id}/roles`
  const tagged = [await post(roles, key, role), await post(roles, key, role)]
  t.same(
    tagged.map(({ status, headers }) => [status, headers.get('etag')]),
    [
      [201, '"1"'],
      [201, '"1"'],
    ],
    'the same key on another route is another key, and a replay repeats the ETag',
  )
})

t.test('422 the key with another body or another path, and its stored response stays', async (t) => {
  const key = fresh()
  const first = await create(key, { name: 'First body' })
  const other = await create(key, { name: 'Other body' })
  t.match(other, { status: 422, body: { code: 'idempotency_mismatch' } })
  t.equal(await keysNamed('Other body'), 0)
  const rotate = (id: string) => post(`${keys_of_acme}/${id}/rotate`, `${key}-rotate`, { overlap_seconds: 60 })
  t.equal((await rotate(first.body.id)).status, 201)
  t.match(await rotate(acme.integration_key_id), { status: 422 }, 'the same route with another path')
  t.equal((await create(key, { name: 'First body' })).text, first.text)
})

// A proxy can send a request a second time while the first one runs. Only one of them may create the resource.
t.test('409 while the first request runs, and one of thirty concurrent requests creates the resource', async (t) => {
  const key = fresh()
  const answers = await Promise.all(Array.from({ length: 30 }, () => create(key, { name: 'Raced' })))
  t.equal(await keysNamed('Raced'), 1)
  const made = answers.filter(({ status }) => status === 201)
  t.equal(new Set(made.map(({ text }) => text)).size, 1)
  t.equal(made.filter(({ headers }) => headers.get('idempotency-replayed') === null).length, 1)
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    t.match(answer, { status: 409, body: { code: 'idempotency_in_progress' } })
    t.equal(answer.headers.get('retry-after'), '1')
  }
  t.equal((await create(key, { name: 'Raced' })).text, made[0]?.text, 'a later request gets the response')
})

t.test('409 a committed change whose response was lost is not repeated, and after 60 s its code says so', async (t) => {
  const key = fresh()
  await create(key, { name: 'Lost' })
  // The state after a SIGKILL between the commit and the storing of the response.
  await gateway.sql(`update idempotency_records set answer = null, status = null where key = '${key}'`)
  t.match(await create(key, { name: 'Lost' }), { status: 409, body: { code: 'idempotency_in_progress' } })
  gateway.clock.advance(60_000)
  t.match(await create(key, { name: 'Lost' }), { status: 409, body: { code: 'idempotency_answer_lost' } })
  t.equal(await keysNamed('Lost'), 1)
})

t.test('an idempotency key is free again after 24 hours, and the sweep deletes its expired record', async (t) => {
  const key = fresh()
  const first = await create(key, { name: 'For a day' })
  gateway.clock.advance(DAY_MS - 600_000)
  const headers = { authorization: `Bearer ${(await fresh_login()).access}` }
  t.equal((await create(key, { name: 'For a day' }, headers)).text, first.text)
  gateway.clock.advance(600_000)
  t.equal((await create(key, { name: 'The next day' }, headers)).status, 201, 'even with another body')
  t.equal((await recordsOf(key)).length, 1)
  gateway.clock.advance(DAY_MS + 1)
  await sweepSessions(gateway.stores)
  t.same(await recordsOf(key), [])
  gateway.clock.advance(-2 * DAY_MS - 1)
})

async function fresh_login(): Promise<{ access: string }> {
  const body = { email: 'owner@people.example', password: 'quartz-lantern-meadow-47' }
  return (await ask(gateway, '/v1/auth/login', { body })).body
}

// Attack: a caller guesses the idempotency key of another caller to read their response, which may hold a secret.
t.test('the same idempotency key of another principal or in another tenant is another key', async (t) => {
  const key = fresh()
  const by_owner = await create(key, { name: 'Apart' })
  const by_admin = await create(key, { name: 'Apart' }, await world.bearer('admin'))
  t.same([by_owner.status, by_admin.status], [201, 201])
  t.not(by_admin.body.id, by_owner.body.id)
  t.notOk(by_admin.headers.has('idempotency-replayed'))
  const other = await post(`/v1/tenants/${globex.id}/keys`, key, { name: 'Apart' }, await world.bearer('other_owner'))
  t.equal(other.status, 201)
  t.notOk(other.headers.has('idempotency-replayed'))
  // The callers: one user in two tenants, and two keys of the first tenant.
  await addMember(gateway, globex.id, world.ids.owner, ['Admin'])
  const customer = { name: 'Apart' }
  const second = await acme.store.write('tenant_key.created', (store) =>
    store.keys.create({ name: 'Second', scopes: ['customers:edit'] }),
  )
  const callers = [
    await world.as('owner'),
    await world.as('owner', globex),
    keyHeaders({ id: acme.id, key: acme.integration_key }),
    keyHeaders({ id: acme.id, key: second.key }),
  ]
  const made = []
  for (const headers of callers) made.push(await post('/v1/customers', key, customer, headers))
  t.same(
    made.map(({ status }) => status),
    [201, 201, 201, 201],
  )
  t.equal(new Set(made.map(({ body }) => body.id)).size, 4)
  t.notOk(made.some(({ headers }) => headers.has('idempotency-replayed')))
  const again = await post('/v1/customers', key, customer, callers[3])
  t.equal(again.text, made[3]?.text)
})

t.test('403 the gateway replays a response only to a caller who still has the scopes of the route', async (t) => {
  const key = fresh()
  const admin = await world.bearer('admin')
  t.equal((await create(key, { name: 'Still may' }, admin)).status, 201)
  const override = `/v1/tenants/${acme.id}/members/${world.ids.admin}/overrides/keys:manage`
  const deny = { effect: 'deny', reason: 'for a moment' }
  t.equal((await ask(gateway, override, { method: 'PUT', headers: owner, body: deny })).status, 200)
  t.match(await create(key, { name: 'Still may' }, admin), { status: 403, body: { code: 'insufficient_scope' } })
  t.equal((await ask(gateway, override, { method: 'DELETE', headers: owner })).status, 204)
  t.equal((await create(key, { name: 'Still may' }, admin)).headers.get('idempotency-replayed'), 'true')
})

// Attack: an attacker reads the database, or a backup of it, to find the secrets of new keys in stored responses.
t.test('a stored response is encrypted: the database holds no secret in plain text', async (t) => {
  const key = fresh()
  const { body } = await create(key, { name: 'Sealed' })
  const [record] = await recordsOf(key)
  const kept = Buffer.from(record?.answer as Uint8Array)
  t.ok(kept.length > 100)
  for (const text of [kept.toString('latin1'), kept.toString('base64'), JSON.stringify(record)]) {
    t.notOk(text.includes(body.key))
    t.notOk(text.includes(body.name))
  }
  t.equal(record?.object_id, body.id, 'the erasure of an object finds the response by the id of the object')
  const again = await create(key, { name: 'Sealed' })
  t.notSame(kept, Buffer.alloc(kept.length))
  t.equal(again.body.key, body.key)
  // If the encryption key is missing or the stored bytes are altered, the gateway cannot replay the response. The change
  // stays, and a repeated request creates nothing.
  const stranger = await startGateway({ on: test_database })
  t.teardown(() => stranger.close())
  const login = { email: 'owner@people.example', password: 'quartz-lantern-meadow-47' }
  const { access } = (await ask(stranger, '/v1/auth/login', { body: login })).body
  const headers = { authorization: `Bearer ${access}`, 'idempotency-key': key }
  const lost = { status: 409, body: { code: 'idempotency_answer_lost' } }
  t.match(await ask(stranger, keys_of_acme, { headers, body: { name: 'Sealed' } }), lost)
  await gateway.sql(`update idempotency_records set answer = set_byte(answer, 40, 255 - get_byte(answer, 40))
    where key = '${key}'`)
  t.match(await create(key, { name: 'Sealed' }), lost)
  t.equal(await keysNamed('Sealed'), 1)
})

t.test('another replica with the same signing keys replays the response', async (t) => {
  const replica = await startGateway({ on: test_database, signing_keys })
  t.teardown(() => replica.close())
  const key = fresh()
  const first = await create(key, { name: 'By a replica' })
  const headers = { ...owner, 'idempotency-key': key }
  const again = await ask(replica, keys_of_acme, { headers, body: { name: 'By a replica' } })
  t.equal(again.text, first.text)
  t.equal(again.headers.get('idempotency-replayed'), 'true')
})

// A stored refusal would be replayed for a day, although the client has corrected the request.
t.test('the gateway does not store refusals: the same key works after the client corrects the request', async (t) => {
  const key = fresh()
  t.equal((await create(key, { name: '' })).status, 400)
  t.equal((await create(key, { name: 'x', scopes: ['no:scope'] })).status, 400)
  t.equal((await create(key, { name: 'x', expires_at: '2001-01-01T00:00:00Z' })).status, 400)
  t.equal((await create(key, { name: 'x' }, await world.bearer('agent'))).status, 403)
  t.same(await recordsOf(key), [])
  t.equal((await create(key, { name: 'Right at last' })).status, 201)

  const members = `/v1/tenants/${acme.id}/members`
  const wish = { user_id: world.ids.stranger, roles: ['Agent'] }
  const missing = { ...wish, roles: ['No Such Role'] }
  t.equal((await post(members, key, missing)).status, 400)
  t.equal((await post(members, key, { ...wish, user_id: world.ids.agent })).status, 409)
  t.same(await gateway.sql(`select 1 from idempotency_records where route like '%members'`), [], 'no record')
  t.equal((await post(members, key, wish)).status, 201)
})

// The gateway used to refuse after the commit of the record, so that the key answered idempotency_in_progress for ever.
t.test('409 already_exists for each request with a taken email, and the key is free for another email', async (t) => {
  const key = fresh()
  const operator = await world.bearer('operator')
  const body = { email: 'owner@people.example', name: 'Twice', password: 'walnut-harbour-crystal-93' }
  for (const sending of [1, 2]) {
    const answer = await post('/v1/platform/users', key, body, operator)
    t.match(answer, { status: 409, body: { code: 'already_exists' } }, `sending ${sending}`)
  }
  t.same(await recordsOf(key), [])
  t.equal((await post('/v1/platform/users', key, { ...body, email: 'once@people.example' }, operator)).status, 201)
})

t.test('400 a malformed idempotency key, before the gateway creates anything', async (t) => {
  const wrong = ['', ' ', 'a b', 'x'.repeat(256), '\u00e9', 'a, b', 'tab\tinside']
  for (const key of wrong) {
    const answer = await create(key, { name: 'Malformed' })
    t.match(answer, { status: 400, body: { code: 'validation_failed', errors: [{ pointer: 'Idempotency-Key' }] } }, key)
  }
  t.equal(await keysNamed('Malformed'), 0)
  for (const key of [
    'x',
    'x'.repeat(255),
    '!"#$%&\'()*+,-./:;<=>?@[]^_`{|}~',
    "'; drop table users --".replaceAll(' ', '_'),
  ]) {
    t.equal((await create(key, { name: 'Well formed' })).status, 201, key)
  }
})
