import { openRefusalRecorder, type SampledRefusal } from '../../../src/features/audit/refusals.js'
import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import { openTestDatabase } from '../../helpers/database.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, keyHeaders } from '../../helpers/world.js'

const REFUSALS = `action in ('request.refused', 'login.failed', 'budget.exceeded')`
const test_database = await openTestDatabase()
t.teardown(() => test_database.close())
const signing_keys = generateSigningKeys()
const start = (env: Record<string, string> = {}) =>
  startGateway({ on: test_database, signing_keys, env: { TRUST_PROXY: '127.0.0.1', ...env } })
const first = await start()
t.teardown(() => first.close())
const world = await buildWorld(first)
const { acme, ids } = world
let seen = 0
/** Returns the refusals that were written since the last call, oldest first. */
const written = async () => {
  const rows = await first.sql(`select * from audit_events where seq > ${seen} and ${REFUSALS} order by seq`)
  seen = Number(rows.at(-1)?.seq ?? seen)
  return rows as Record<string, unknown>[]
}

t.test('denials, failed logins and exceeded budgets are recorded with the right tenant and caller', async (t) => {
  const gateway = await start({ BUDGET_KEY: '2/60' })
  const from = (address: string) => ({ 'x-forwarded-for': address, 'user-agent': 'refused/1.0' })
  const agent = { ...(await world.as('agent')), ...from('203.0.113.1') }
  await ask(gateway, `/v1/tenants/${acme.id}/keys`, { headers: agent })
  await ask(gateway, '/v1/platform/users', { headers: { ...(await world.bearer('owner')), ...from('203.0.113.2') } })
  await ask(gateway, '/v1/customers', { headers: { ...keyHeaders({ ...acme, key: 'x' }), ...from('203.0.113.3') } })
  await ask(gateway, '/v1/auth/login', {
    headers: from('203.0.113.4'),
    body: { email: emailOf('agent'), password: 'not-the-right-one-at-all' },
  })
  await ask(gateway, '/v1/customers', { headers: { ...(await world.as('stranger')), ...from('203.0.113.5') } })
  // This is the third request with this key, and the first over its budget.
  await ask(gateway, '/v1/customers', { headers: { ...keyHeaders(acme), ...from('203.0.113.6') } })
  await ask(gateway, '/v1/customers', { headers: { ...keyHeaders(acme), ...from('203.0.113.6') } })
  // The audit log records only refusals by credentials, scopes or budgets.
  await ask(gateway, '/v1/nothing')
  await ask(gateway, '/v1/auth/login', { body: {} })
  await gateway.close()
  const told = (await written()).map(({ action, tenant_id, actor_kind, actor_id, target_kind, address, changes }) => {
    const { code, route, count } = changes as SampledRefusal
    return [action, tenant_id, actor_kind, actor_id, target_kind, address, code, route, count]
  })
  const refused = 'request.refused'
  const keys = 'GET /v1/tenants/:tenant_id/keys'
  const customers = 'GET /v1/customers'
  t.same(told, [
    [refused, acme.id, 'user', ids.agent, 'request', '203.0.113.1', 'insufficient_scope', keys, 1],
    [refused, null, 'user', ids.owner, 'request', '203.0.113.2', 'platform_access_denied', 'GET /v1/platform/users', 1],
    [refused, null, 'anonymous', null, 'request', '203.0.113.3', 'invalid_tenant_credentials', customers, 1],
    [
      'login.failed',
      null,
      'anonymous',
      null,
      'request',
      '203.0.113.4',
      'invalid_credentials',
      'POST /v1/auth/login',
      1,
    ],
    [refused, acme.id, 'user', ids.stranger, 'request', '203.0.113.5', 'tenant_access_denied', customers, 1],
    // The first request of the key fails for its scopes, the second for its budget.
    [refused, acme.id, 'key', acme.key.slice(4, 16), 'request', '203.0.113.6', 'insufficient_scope', customers, 1],
    ['budget.exceeded', acme.id, 'anonymous', null, 'request', '203.0.113.6', 'rate_limited', customers, 1],
  ])
})

// A tenant must see that its leaked key is used elsewhere, even though the refusal comes before the tenant is
// identified.
t.test('403 a valid key from outside its networks, or of a suspended tenant, is recorded for its tenant', async (t) => {
  const gateway = await start()
  const made = await acme.store.write('tenant_key.created', (store) =>
    store.keys.create({ name: 'At home', scopes: [], allowed_cidrs: ['192.0.2.0/24'] }),
  )
  const headers = keyHeaders({ id: acme.id, key: made.key })
  t.equal((await ask(gateway, '/v1/access', { headers })).status, 403)
  await first.sql(`update tenants set suspended_at = now() where id = '${acme.id}'`)
  t.equal((await ask(gateway, '/v1/access', { headers: keyHeaders(acme) })).status, 403)
  await first.sql(`update tenants set suspended_at = null where id = '${acme.id}'`)
  await gateway.close()
  const codes = (await written()).map(({ tenant_id, changes }) => [tenant_id, (changes as SampledRefusal).code])
  t.same(codes, [
    [acme.id, 'address_not_allowed'],
    [acme.id, 'tenant_suspended'],
  ])
  const usage = await first.sql(`select code, requests from usage_hours where tenant_id = '${acme.id}'
    and code in ('address_not_allowed', 'tenant_suspended') order by code`)
  t.match(usage, [{ code: 'address_not_allowed' }, { code: 'tenant_suspended' }])
  const [key] = await first.sql(`select secret_requests from tenant_keys where id = '${made.record.id}'`)
  t.same(Number(key?.secret_requests), 0, 'a refused request does not count as a use')
})

// Attack: floods the audit log with refusals to fill the disk or to hide an event.
t.test('a flood of one caller makes one event per flush, and each refusal is counted in one event', async (t) => {
  const gateway = await start()
  const headers = { 'x-forwarded-for': '203.0.113.9' }
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(Array.from({ length: 10 }, () => ask(gateway, '/v1/customers', { headers })))
  }
  const calls = Array.from({ length: 150 }, (_, number) => `198.51.100.${number}`)
  for (let start_ = 0; start_ < calls.length; start_ += 20) {
    await Promise.all(
      calls
        .slice(start_, start_ + 20)
        .map((address) => ask(gateway, '/v1/me', { headers: { 'x-forwarded-for': address } })),
    )
  }
  await gateway.close()
  const events = await written()
  const sum = (of: typeof events) => of.reduce((count, { changes }) => count + (changes as SampledRefusal).count, 0)
  const of_one = events.filter(({ address }) => address === '203.0.113.9')
  // The recorder flushes every 10 s, so a slow machine can need several flushes.
  t.ok(of_one.length < 10, `${of_one.length} events for all refusals of one address`)
  t.equal(sum(of_one), 100)
  t.equal(sum(events), 250, 'every refusal is counted')
})

t.test('the number of events per flush is bounded, and a failed flush loses no refusal', async (t) => {
  let written_: SampledRefusal[] = []
  let is_down = false
  const recorder = openRefusalRecorder(Date.now, async (refusal) => {
    if (is_down) throw new Error('down')
    written_.push({ ...refusal })
  })
  const CODES = ['insufficient_scope', 'invalid_token', 'rate_limited']
  const flood = (size: number) => {
    for (let number = 0; number < size; number += 1) {
      const origin = {
        actor: { kind: 'anonymous' as const, id: null },
        address: `a${number}`,
        user_agent: null,
        request_id: null,
      }
      recorder.record({ tenant_id: null, code: CODES[number % 3] as string, origin, route: 'GET /' })
    }
  }
  const total = () => written_.reduce((sum, { count }) => sum + count, 0)
  flood(100_000)
  await recorder.flush()
  t.ok(written_.length <= 103, `${written_.length}`)
  t.equal(total(), 100_000)
  t.same(new Set(written_.slice(-3).map(({ code }) => code)), new Set(CODES), 'one further event per code')
  t.equal(await recorder.flush(), 0)

  written_ = []
  is_down = true
  flood(1_000)
  for (let tries = 0; tries < 5; tries += 1) await t.rejects(recorder.flush(), { message: 'down' })
  flood(500)
  is_down = false
  await recorder.flush()
  t.equal(total(), 1_500, 'each refusal is counted exactly once')
  t.ok(written_.length <= 206, `${written_.length} events after an outage`)
})
