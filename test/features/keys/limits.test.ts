import { startGateway } from '../../helpers/gateway.js'
import { ask, untilDecided } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'

const ACTIVE_KEYS_MAX = 200
const gateway = await startGateway({ env: { TRUST_PROXY: '127.0.0.1', BUDGET_KEY: '0/60' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const owner = await world.bearer('owner')
const path = `/v1/tenants/${world.acme.id}/keys`
const create = (body: object) => ask(gateway, path, { headers: owner, body: { name: 'Made by a test', ...body } })
const use = (key: string, from?: string) =>
  ask(gateway, '/v1/access', {
    headers: { ...keyHeaders({ id: world.acme.id, key }), ...(from && { 'x-forwarded-for': from }) },
  })

t.test('401 an expired key is refused at its expiry with the response of an unknown key', async (t) => {
  const expires_at = new Date(gateway.clock.now() + 60_000).toISOString()
  const { body } = await create({ expires_at: expires_at.replace('Z', '+00:00') })
  t.equal(body.expires_at, expires_at, 'stored in UTC')
  t.equal((await use(body.key)).status, 200)
  gateway.clock.advance(60_000)
  const expired = await use(body.key)
  const unknown = await use(world.globex.key)
  t.strictSame([expired.status, unknown.status], [401, 401])
  const { request_id: _a, ...left } = expired.body
  const { request_id: _b, ...right } = unknown.body
  t.strictSame(left, right)
})

// Attack: uses a stolen key from another network.
t.test('403 a key with networks is valid only from inside them', async (t) => {
  const { body } = await create({ allowed_cidrs: ['203.0.113.99/24', '2001:DB8::1/32', '::ffff:198.51.100.0/120'] })
  t.strictSame(body.allowed_cidrs, ['203.0.113.0/24', '2001:db8::/32', '198.51.100.0/24'], 'in canonical form')
  for (const inside of ['203.0.113.0', '203.0.113.255', '::ffff:203.0.113.5', '2001:db8:1::1', '198.51.100.7']) {
    t.equal((await use(body.key, inside)).status, 200, inside)
  }
  for (const outside of ['203.0.112.255', '203.0.114.0', '2001:db9::1', '198.51.101.7']) {
    t.match(await use(body.key, outside), { status: 403, body: { code: 'address_not_allowed' } }, outside)
  }
  t.equal((await use(body.key)).status, 403, 'the proxy is not in the networks')
  t.equal((await use(body.key, '203.0.113.5, 192.0.2.1')).status, 403, 'the address from the trusted proxy counts')
})

t.test('403 without a trusted proxy, X-Forwarded-For has no effect', async (t) => {
  const plain = await startGateway({ on: gateway.test_database })
  t.teardown(() => plain.close())
  const { body } = await create({ allowed_cidrs: ['203.0.113.0/24'] })
  const headers = { ...keyHeaders({ id: world.acme.id, key: body.key }), 'x-forwarded-for': '203.0.113.5' }
  t.match(await ask(plain, '/v1/access', { headers }), {
    status: 403,
    body: { code: 'address_not_allowed', detail: /do not include 127\.0\.0\.1, the address of this client/ },
  })
})

// One runaway integration must not use up the budget of the other keys of its tenant.
t.test('429 a key has its own budget, and other keys are not affected', async (t) => {
  const { body } = await create({ requests_per_minute: 3 })
  const statuses: number[] = []
  for (let tries = 0; tries < 5; tries += 1) statuses.push((await use(body.key)).status)
  t.strictSame(statuses, [200, 200, 200, 429, 429])
  const limited = await use(body.key)
  t.match(limited.body, { code: 'rate_limited', violated_policies: ['key'] })
  const wait_seconds = Number(limited.headers.get('retry-after'))
  t.ok(wait_seconds >= 1 && wait_seconds <= 60)
  t.match(limited.headers.get('ratelimit-policy'), /"key";q=3;w=60/)
  t.equal((await use(world.acme.key)).status, 200, 'another key')
  gateway.clock.advance(wait_seconds * 1000)
  t.equal((await use(body.key)).status, 200, 'after Retry-After')
})

// Attack: creates keys concurrently. Without a lock, each request would count before any of them inserts.
t.test('409 concurrent creations never exceed the maximum of active keys', async (t) => {
  const living = async () => {
    const rows = await gateway.sql(
      `select count(*)::int as n from tenant_keys where tenant_id = '${world.acme.id}' and revoked_at is null`,
    )
    return rows[0]?.n as number
  }
  const filler = "jsonb_build_object('id', 'filler' || lpad(n::text, 6, '0'), 'name', 'filler')"
  await gateway.sql(`insert into tenant_keys select (jsonb_populate_record(k, ${filler})).*
    from tenant_keys k, generate_series(1, ${ACTIVE_KEYS_MAX - 20} - ${await living()}) n
    where k.id = '${world.acme.integration_key_id}'`)
  t.equal(await living(), ACTIVE_KEYS_MAX - 20)
  const answers = await Promise.all(Array.from({ length: 90 }, () => untilDecided(() => create({}))))
  t.equal(answers.filter(({ status }) => status === 201).length, 20)
  const refused = answers.filter(({ status }) => status !== 201)
  t.strictSame(new Set(refused.map(({ status, body }) => `${status} ${body.code}`)), new Set(['409 limit_reached']))
  t.equal(await living(), ACTIVE_KEYS_MAX)
  const made = answers.find(({ status }) => status === 201)
  await ask(gateway, `${path}/${made?.body.id}`, { method: 'DELETE', headers: owner })
  t.equal((await create({})).status, 201, 'a revoked key makes room')
  t.equal((await create({})).status, 409, 'room for one key only')
})

// A key that is disabled in an emergency must be as invalid as a revoked key.
t.test('401 a disabled key gets the response of an unknown one', async (t) => {
  t.equal((await use(world.acme.integration_key)).status, 200)
  await gateway.sql(`update tenant_keys set disabled_at = now() where id = '${world.acme.integration_key_id}'`)
  t.match(await use(world.acme.integration_key), { status: 401, body: { code: 'invalid_tenant_credentials' } })
})
