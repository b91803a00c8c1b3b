import { startGateway } from '../../helpers/gateway.js'
import { type Ask, ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'

const gateway = await startGateway({ env: { ACCESS_TOKEN_SECONDS: '14400' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const owner = await world.bearer('owner')

const keysPath = `/v1/tenants/${world.acme.id}/keys`
const askOwner = (path: string, more: Ask = {}) => ask(gateway, path, { headers: owner, ...more })
const create = async (body: object = {}) =>
  (await askOwner(keysPath, { body: { name: 'Made by a test', ...body } })).body as { id: string; key: string }
const rotate = (id: string, overlap_seconds: number) =>
  askOwner(`${keysPath}/${id}/rotate`, { body: { overlap_seconds } })
const show = async (id: string) => (await askOwner(`${keysPath}/${id}`)).body
const use = (key: string, path = '/v1/access') =>
  ask(gateway, path, { headers: keyHeaders({ id: world.acme.id, key }) })
const statusesOf = (keys: string[]) => Promise.all(keys.map(async (key) => (await use(key)).status))

t.test('201 during the overlap both secrets are valid, and the old one gets Deprecation and Sunset', async (t) => {
  const { id, key: old } = await create({ scopes: ['conversations:view'] })
  gateway.clock.advance(5_000)
  const rotated_at = Math.floor(gateway.clock.now() / 1000)
  const rotated = await rotate(id, 600)
  t.equal(rotated.status, 201, rotated.text)
  t.equal(rotated.body.id, id)
  t.not(rotated.body.key, old)
  t.equal(rotated.body.key.slice(4, 16), id, 'the same key id')

  const fresh = await use(rotated.body.key)
  t.strictSame(
    [fresh.status, fresh.headers.get('deprecation'), fresh.headers.get('sunset'), fresh.headers.get('link')],
    [200, null, null, null],
  )
  const dated = await use(old)
  t.equal(dated.status, 200)
  const since = Number(/^@(\d+)$/.exec(dated.headers.get('deprecation') ?? '')?.[1])
  t.ok(since >= rotated_at && since <= rotated_at + 5, 'RFC 9745: a date as @unix')
  const sunset = dated.headers.get('sunset') ?? ''
  t.match(sunset, /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/, 'RFC 8594: an HTTP date')
  t.equal(Date.parse(sunset), Math.floor(Date.parse(rotated.body.secrets[1].expires_at) / 1000) * 1000)
  t.match(dated.headers.get('link'), /<\/v1\/key>; rel="deprecation"/)
  t.match(await use(old, '/v1/customers/nonsense'), { status: 404 })
  t.ok((await use(old, '/v1/customers/nonsense')).headers.has('deprecation'), 'refusals too')

  gateway.clock.advance(590_000)
  t.strictSame(await statusesOf([old, rotated.body.key]), [200, 200], 'before the end of the overlap')
  gateway.clock.advance(10_001)
  t.strictSame(await statusesOf([old, rotated.body.key]), [401, 200], 'after the end of the overlap')
  t.equal((await show(id)).secrets.length, 1)
})

// Attack: uses a leaked secret. Its owner must be able to end it at once.
t.test('201 a rotation with overlap 0 ends every old secret at once, also one in an overlap', async (t) => {
  const { id, key: first } = await create()
  const second = (await rotate(id, 600)).body.key
  const third = await rotate(id, 0)
  t.equal(third.status, 201)
  t.strictSame(await statusesOf([first, second, third.body.key]), [401, 401, 200])
  t.equal(third.body.secrets.length, 1)
  t.equal(third.body.safe_to_retire, true)
})

// Attack: rotates a key to use its secret for longer than the key is valid.
t.test('no secret outlives its key, whichever expiry was set first', async (t) => {
  const expires_at = new Date(gateway.clock.now() + 60_000).toISOString()
  const limited = await create({ expires_at })
  const rotated = await rotate(limited.id, 600)
  t.equal(rotated.body.expires_at, expires_at, 'a rotation does not extend the key')
  t.equal(rotated.body.secrets[1].expires_at, expires_at)

  const later = await create()
  await rotate(later.id, 600)
  const cut = await askOwner(`${keysPath}/${later.id}`, { method: 'PATCH', body: { expires_at } })
  t.equal(cut.body.secrets[1].expires_at, expires_at)
  t.equal(
    Date.parse((await use(later.key)).headers.get('sunset') ?? ''),
    Math.floor(Date.parse(expires_at) / 1000) * 1000,
  )
  const longer = new Date(gateway.clock.now() + 3_600_000).toISOString()
  const prolonged = await askOwner(`${keysPath}/${later.id}`, { method: 'PATCH', body: { expires_at: longer } })
  t.equal(prolonged.body.secrets[1].expires_at, expires_at, 'a longer expiry of the key does not extend the overlap')

  gateway.clock.advance(60_001)
  t.strictSame(await statusesOf([limited.key, rotated.body.key, later.key]), [401, 401, 401])
})

t.test('409 a second rotation during an overlap is refused, and accepted after it', async (t) => {
  const { id, key } = await create()
  const second = await rotate(id, 60)
  const third = await rotate(id, 60)
  t.match(third, {
    status: 409,
    body: { code: 'rotation_in_progress', previous_expires_at: second.body.secrets[1].expires_at },
  })
  t.strictSame(await statusesOf([key, second.body.key]), [200, 200], 'both secrets stay valid')
  gateway.clock.advance(60_001)
  const next = await rotate(id, 60)
  t.equal(next.status, 201)
  t.strictSame(await statusesOf([key, second.body.key, next.body.key]), [401, 200, 200])
  for (const overlap_seconds of [-1, 2_592_001, 1.5, '60', null]) {
    const answer = await askOwner(`${keysPath}/${id}/rotate`, { body: { overlap_seconds } })
    t.equal(answer.status, 400, String(overlap_seconds))
  }
})

// Two deployments can rotate at once. Each returned secret must be valid, or a deployment stops.
t.test('201 409 concurrent rotations leave at most two valid secrets, and every returned one is valid', async (t) => {
  for (const count of [2, 20]) {
    const { id, key } = await create()
    const answers = await Promise.all(Array.from({ length: count }, () => rotate(id, 600)))
    const made = answers.filter(({ status }) => status === 201)
    t.equal(made.length, 1, `${count} at once`)
    t.equal(answers.filter(({ body }) => body.code === 'rotation_in_progress').length, count - 1)
    t.strictSame(await statusesOf([key, made[0]?.body.key]), [200, 200])
    const events = await gateway.sql(
      `select from audit_events where target_id = '${id}' and action = 'tenant_key.rotated'`,
    )
    t.equal(events.length, 1, 'one event')
  }
  const { id, key } = await create()
  const hurried = await Promise.all(Array.from({ length: 8 }, () => rotate(id, 0)))
  t.strictSame(new Set(hurried.map(({ status }) => status)), new Set([201]))
  const alive = await statusesOf([key, ...hurried.map(({ body }) => body.key)])
  t.equal(alive.filter((status) => status === 200).length, 1, 'with overlap 0 only the last secret is valid')
})

// A customer reads `safe_to_retire` before they delete the old secret. A wrong `true` stops their deployment.
t.test('safe_to_retire and the usage of each secret are correct in each situation', async (t) => {
  const { id, key: old } = await create()
  t.match(await show(id), { safe_to_retire: true, secrets: [{ requests: 0, last_used_at: null }] }, 'never rotated')
  await Promise.all([use(old), use(old), use(old)])
  t.match(await show(id), { secrets: [{ requests: 3, is_current: true, last_used_at: String }] })
  const before = (await show(id)).secrets[0]

  await use(old)
  const { key: fresh } = (await rotate(id, 3_600)).body
  const counted = await show(id)
  t.match(counted, { safe_to_retire: false }, 'the new secret was never used')
  t.match(counted.secrets, [
    { is_current: true, last_four: fresh.slice(-4), requests: 0, last_used_at: null, expires_at: null },
    { is_current: false, last_four: old.slice(-4), requests: 4, created_at: before.created_at, expires_at: String },
  ])
  await use(old)
  await use(fresh)
  const both = await show(id)
  t.match(both.secrets, [{ requests: 1 }, { requests: 5 }], 'a count for each secret, stored by one write')
  t.equal(both.safe_to_retire, false, 'the old secret was used a moment ago')
  gateway.clock.advance(14 * 60_000)
  await use(fresh)
  t.equal((await show(id)).safe_to_retire, false, 'less than 15 minutes ago')
  gateway.clock.advance(61_000)
  t.equal((await show(id)).safe_to_retire, true, 'unused for 15 minutes')
  await use(old)
  t.equal((await show(id)).safe_to_retire, false, 'used again')
  gateway.clock.advance(3_600_000)
  t.match(await show(id), { safe_to_retire: true, secrets: [{ requests: 2 }] }, 'the overlap has ended')
})

t.test('uses between the last flush and a rotation count for the secret that was used', async (t) => {
  const { id, key: old } = await create()
  await use(old)
  await use(old)
  const { key: fresh } = (await rotate(id, 600)).body
  await Promise.all([use(fresh), use(old), use(fresh), use(fresh)])
  t.match((await show(id)).secrets, [{ requests: 3 }, { requests: 3 }])
})

// Attack: sends refused requests to make a key look used, or to cause writes to the database.
t.test('a refused request does not count as a use of the key', async (t) => {
  const { id, key } = await create()
  const patch = (body: object) => askOwner(`${keysPath}/${id}`, { method: 'PATCH', body })
  const tampered = `${key.slice(0, 17)}${'A'.repeat(43)}${key.slice(-6)}`
  t.equal((await use(tampered)).status, 401)
  t.equal((await ask(gateway, '/v1/access', { headers: keyHeaders({ id: world.globex.id, key }) })).status, 401)
  await patch({ disabled: true })
  t.equal((await use(key)).status, 401)
  await patch({ disabled: false, allowed_cidrs: ['192.0.2.0/24'] })
  t.equal((await use(key)).status, 403)
  await patch({ allowed_cidrs: null, expires_at: new Date(gateway.clock.now() + 1000).toISOString() })
  gateway.clock.advance(1001)
  t.equal((await use(key)).status, 401)
  await patch({ disabled: false, expires_at: null })
  await gateway.sql(`update tenants set suspended_at = now() where id = '${world.acme.id}'`)
  t.equal((await use(key)).status, 403)
  await gateway.sql(`update tenants set suspended_at = null where id = '${world.acme.id}'`)
  const { key: fresh } = (await rotate(id, 0)).body
  t.equal((await use(key)).status, 401)
  t.match((await show(id)).secrets, [{ requests: 0, last_used_at: null }])
  t.equal((await use(fresh)).status, 200)
  t.match((await show(id)).secrets, [{ requests: 1, last_used_at: String }])
})

// A use must not cost a write. 1,000 requests of a script become one write.
t.test('uses are written in batches, and once more when the gateway stops', async (t) => {
  const { id, key } = await create()
  const replica = await startGateway({ on: gateway.test_database })
  const askReplica = () => ask(replica, '/v1/access', { headers: keyHeaders({ id: world.acme.id, key }) })
  const stateOf = async () =>
    (await gateway.sql(`select secret_requests, xmin::text from tenant_keys where id = '${id}'`))[0]
  const before = await stateOf()
  await Promise.all(Array.from({ length: 50 }, askReplica))
  t.strictSame(await stateOf(), before, 'not written yet')
  await replica.close()
  t.equal(Number((await stateOf())?.secret_requests), 50)
})
