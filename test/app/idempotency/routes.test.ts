import { sweepSessions } from '../../../src/app/sweep.js'
import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import { BUILT_IN_SCOPES } from '../../../src/kernel/permissions/scope-catalogue.js'
import { openTestDatabase } from '../../helpers/database.js'
import { startGateway } from '../../helpers/gateway.js'
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

// Stops a client that lost the answer from making everything twice by asking again.
t.test('201 the same request again gets the same answer, with Idempotency-Replayed, and makes nothing', async (t) => {
  const key = fresh()
  const first = await create(key, { name: 'Replayed', scopes: ['agents:view'] })
  t.equal(first.status, 201)
  t.notOk(first.headers.has('idempotency-replayed'))
  // The same JSON value in another spelling is the same request.
  const again = await create(key, { scopes: ['agents:view'], name: 'Replayed' })
  t.equal(again.status, 201)
  t.equal(again.text, first.text, 'byte for byte, the key that is shown once included')
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
    'the same key on another route is another key, and an ETag is part of the answer',
  )
})

t.test('422 the key with another body or another path is refused, and what it stands for stays', async (t) => {
  const key = fresh()
  const first = await create(key, { name: 'First body' })
  const other = await create(key, { name: 'Other body' })
  t.match(other, { status: 422, body: { code: 'idempotency_mismatch' } })
  t.equal(await keysNamed('Other body'), 0)
  const rotate = (id: string) => post(`${keys_of_acme}/${id}/rotate`, `${key}-rotate`, { overlap_seconds: 60 })
  t.equal((await rotate(first.body.id)).status, 201)
  t.match(await rotate(acme.integration_key_id), { status: 422 }, 'the template is the same, the path is not')
  t.equal((await create(key, { name: 'First body' })).text, first.text)
})

// Stops two sendings at once, of which a proxy made the second, from both creating.
t.test('409 while the first is under way, and of thirty at once one creates', async (t) => {
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
  t.equal((await create(key, { name: 'Raced' })).text, made[0]?.text, 'afterwards all get the answer')
})

t.test('409 a change whose answer was lost is not made again, and is not waited for in vain', async (t) => {
  const key = fresh()
  await create(key, { name: 'Lost' })
  // As after a kill between the commit and the keeping of the answer.
  await gateway.sql(`update idempotency_records set answer = null, status = null where key = '${key}'`)
  t.match(await create(key, { name: 'Lost' }), { status: 409, body: { code: 'idempotency_in_progress' } })
  gateway.clock.advance(60_000)
  t.match(await create(key, { name: 'Lost' }), { status: 409, body: { code: 'idempotency_answer_lost' } })
  t.equal(await keysNamed('Lost'), 1)
})

t.test('a key is kept for 24 hours, then it is free, and what is over is cleared away', async (t) => {
  const key = fresh()
  const first = await create(key, { name: 'For a day' })
  gateway.clock.advance(DAY_MS - 600_000)
  const headers = { authorization: `Bearer ${(await fresh_login()).access}` }
  t.equal((await create(key, { name: 'For a day' }, headers)).text, first.text)
  gateway.clock.advance(600_000)
  t.equal((await create(key, { name: 'The next day' }, headers)).status, 201, 'another body even')
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

// Stops one caller from reading, by guessing a key, the answer that another one got: it may hold a secret.
t.test('the key of another principal and of another tenant is another key', async (t) => {
  const key = fresh()
  const by_owner = await create(key, { name: 'Apart' })
  const by_admin = await create(key, { name: 'Apart' }, await world.bearer('admin'))
  t.same([by_owner.status, by_admin.status], [201, 201])
  t.not(by_admin.body.id, by_owner.body.id)
  t.notOk(by_admin.headers.has('idempotency-replayed'))
  const other = await post(`/v1/tenants/${globex.id}/keys`, key, { name: 'Apart' }, await world.bearer('other_owner'))
  t.equal(other.status, 201)
  t.notOk(other.headers.has('idempotency-replayed'))
  // One user in two tenants, and one tenant by a user and by two keys.
  await globex.store.write('member.added', (store) =>
    store.members.add({ user_id: world.ids.owner }, ['Admin'], holdings_of_owner, BUILT_IN_SCOPES),
  )
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

const holdings_of_owner = {
  kind: 'user' as const,
  id: world.ids.other_owner,
  roles: [{ name: 'Owner', system_role: 'owner' as const, scopes: [] }],
  overrides: [],
}

t.test('403 a replay is an answer to a caller who still may ask', async (t) => {
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

// Stops whoever reads the database, or a backup of it, from finding the secrets of new keys in it.
t.test('a kept answer is sealed: no secret of it can be read where it is kept', async (t) => {
  const key = fresh()
  const { body } = await create(key, { name: 'Sealed' })
  const [record] = await recordsOf(key)
  const kept = Buffer.from(record?.answer as Uint8Array)
  t.ok(kept.length > 100)
  for (const text of [kept.toString('latin1'), kept.toString('base64'), JSON.stringify(record)]) {
    t.notOk(text.includes(body.key))
    t.notOk(text.includes(body.id))
  }
  const again = await create(key, { name: 'Sealed' })
  t.notSame(kept, Buffer.alloc(kept.length))
  t.equal(again.body.key, body.key)
  // Sealed by a key that is gone, or altered: the change stays, its answer cannot be told, and nothing is made anew.
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

t.test('another replica that has the signing keys replays the answer', async (t) => {
  const replica = await startGateway({ on: test_database, signing_keys })
  t.teardown(() => replica.close())
  const key = fresh()
  const first = await create(key, { name: 'By a replica' })
  const headers = { ...owner, 'idempotency-key': key }
  const again = await ask(replica, keys_of_acme, { headers, body: { name: 'By a replica' } })
  t.equal(again.text, first.text)
  t.equal(again.headers.get('idempotency-replayed'), 'true')
})

// Stops a mistake, or a conflict that is over, from being answered for a day.
t.test('a refusal is not remembered: the same key works once what was wrong is right', async (t) => {
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
  t.same(await gateway.sql(`select 1 from idempotency_records where route like '%members'`), [], 'rolled back with it')
  t.equal((await post(members, key, wish)).status, 201)
})

// The refusal used to come after the commit, and to leave the claim of the key behind: "still in progress", for ever.
t.test('409 an email that is taken is told each time, and the key is free for another one', async (t) => {
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

t.test('400 a key of another form is refused before anything is made', async (t) => {
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
