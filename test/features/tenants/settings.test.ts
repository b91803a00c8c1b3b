import { ORIGIN_REMEMBERED_MS } from '../../../src/app/http/cors.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const tenant = `/v1/tenants/${acme.id}`
const patch = async (body: unknown, person: Person = 'owner', path = tenant) =>
  ask(gateway, path, { method: 'PATCH', headers: await world.bearer(person), body })
const from = async (origin: string) =>
  ask(gateway, '/v1/customers', { headers: { ...(await world.as('agent')), origin } })

t.test('200 a new origin is allowed, and a removed origin refused, at the next request', async (t) => {
  const [old, other] = ['https://acme.example', 'https://new.acme.example:8443']
  t.match([(await from(old)).status, (await from(other)).status], [200, 403])
  const changed = await patch({ allowed_origins: [other] })
  t.match(changed, { status: 200, body: { id: acme.id, name: 'Acme ACMEMARK', allowed_origins: [other] } })
  t.match(await from(old), { status: 403, body: { code: 'origin_not_allowed' } })
  t.equal((await from(other)).status, 200)
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  const allowed = await from(other)
  t.equal(allowed.headers.get('access-control-allow-origin'), other)
  t.equal((await patch({ allowed_origins: [] })).status, 200)
  t.equal((await from(other)).status, 403)
  t.equal((await patch({ name: 'Acme anew', allowed_origins: [old] }, 'admin')).status, 200)
  t.match((await ask(gateway, tenant, { headers: await world.bearer('analyst') })).body, {
    name: 'Acme anew',
    allowed_origins: [old],
  })
  t.match((await ask(gateway, '/v1/me', { headers: await world.bearer('agent') })).body.memberships, [
    { tenant: { name: 'Acme anew' } },
  ])
  t.match((await patch({ name: 'Acme ACMEMARK' })).body, { allowed_origins: [old] }, 'an omitted field stays unchanged')
  const told = await gateway.sql(`select changes from audit_events where action = 'tenant.updated' order by seq`)
  t.equal(told.length, 4)
  t.match(told[0]?.changes, { before: { allowed_origins: [old] }, after: { allowed_origins: [other] } })
})

// Attack: a tenant changes its own plan, its trial or its suspension.
t.test(
  '200 an app whose origin has another scheme is allowed, in the list, in preflights and in requests',
  async (t) => {
    const origins = [
      'capacitor://localhost',
      'ionic://localhost',
      'tauri://localhost',
      'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
      'moz-extension://d3b07384-d9a0-4f3b-8f0e-1f2a3b4c5d6e',
      'app://obsidian.md',
      'myapp://localhost:8080',
    ]
    t.match(await patch({ allowed_origins: origins }), { status: 200, body: { allowed_origins: origins } })
    gateway.clock.advance(ORIGIN_REMEMBERED_MS)
    for (const origin of origins) {
      t.equal((await from(origin)).status, 200, origin)
      const headers = { origin, 'access-control-request-method': 'GET' }
      const preflight = await ask(gateway, '/v1/customers', { method: 'OPTIONS', headers })
      t.equal(preflight.headers.get('access-control-allow-origin'), origin)
    }
    t.equal((await from('capacitor://localhost:1')).status, 403, 'another port')
    t.equal((await patch({ allowed_origins: ['https://acme.example'] })).status, 200)
  },
)

t.test('400 fields of the platform, and origins that no browser sends', async (t) => {
  const before = await gateway.sql(`select * from tenants where id = '${acme.id}'`)
  for (const [field, value] of Object.entries({
    requests_per_minute: 10_000,
    plan: 'gold',
    trial_ends_at: null,
    suspended_at: null,
    deleted_at: null,
    id: globex.id,
    created_at: '2020-01-01T00:00:00Z',
  })) {
    t.match(
      await patch({ name: 'x', [field]: value }),
      { status: 400, body: { errors: [{ pointer: `/${field}` }] } },
      field,
    )
  }
  for (const body of [
    {},
    { name: '' },
    { name: ' ' },
    { name: 'a\nb' },
    { name: null },
    { allowed_origins: null },
    { allowed_origins: 'https://a.example' },
    [],
  ]) {
    t.equal((await patch(body)).status, 400, JSON.stringify(body))
  }
  for (const origin of [
    '*',
    'null',
    'https://a.example/',
    'https://A.example',
    'https://a.example:443',
    'ftp://a.example',
    'https://*.a.example?',
    'https://*.a.example',
    'https://*',
    'https://a.example:*',
    'http://a*.example:8080',
    'capacitor://*',
    'capacitor://localhost/',
    'capacitor://localhost/path',
    'capacitor://user@localhost',
    'capacitor://',
    'CAPACITOR://localhost',
    'file://localhost',
    'ws://a.example',
    'javascript:alert(1)',
  ]) {
    t.equal((await patch({ allowed_origins: [origin] })).status, 400, origin)
  }
  t.equal((await patch({ allowed_origins: Array.from({ length: 51 }, (_, n) => `https://a${n}.example`) })).status, 400)
  t.strictSame(await gateway.sql(`select * from tenants where id = '${acme.id}'`), before)
})

t.test('403 settings need settings:manage in the same tenant', async (t) => {
  for (const person of ['lead', 'agent', 'analyst'] as const) {
    t.match(await patch({ name: 'x' }, person), { status: 403, body: { missing: ['settings:manage'] } }, person)
  }
  for (const person of ['stranger', 'pending', 'disabled', 'other_owner', 'operator'] as const) {
    t.match(await patch({ name: 'x' }, person), { status: 403, body: { code: 'tenant_access_denied' } }, person)
  }
})

// Attack: an Admin, or a stolen token of an Admin, deletes the tenant.
t.test('204 only an Owner can delete a tenant, and no route finds it from the next request on', async (t) => {
  const remove = async (person: Person) =>
    ask(gateway, tenant, { method: 'DELETE', headers: await world.bearer(person) })
  const headers = {
    owner: await world.as('owner'),
    key: keyHeaders({ id: acme.id, key: acme.integration_key }),
    operator: await world.bearer('operator'),
  }
  for (const person of ['admin', 'lead', 'agent'] as const) {
    t.match(await remove(person), { status: 403, body: { code: 'owner_required' } }, person)
  }
  for (const person of ['stranger', 'other_owner', 'operator'] as const) {
    t.match(await remove(person), { status: 403, body: { code: 'tenant_access_denied' } }, person)
  }
  t.equal((await ask(gateway, '/v1/customers', { headers: headers.key })).status, 200)
  const preflight = () =>
    ask(gateway, '/v1/customers', {
      method: 'OPTIONS',
      headers: { origin: 'https://acme.example', 'access-control-request-method': 'GET' },
    })
  t.equal((await preflight()).headers.get('access-control-allow-origin'), 'https://acme.example')
  t.equal((await remove('owner')).status, 204)
  const unknown = { status: 401, body: { code: 'invalid_tenant_credentials' } }
  t.match(await ask(gateway, '/v1/customers', { headers: headers.owner }), unknown)
  t.match(await ask(gateway, '/v1/customers', { headers: headers.key }), unknown)
  for (const path of [tenant, `${tenant}/keys`, `${tenant}/members`, `${tenant}/audit-events`]) {
    const answer = await ask(gateway, path, { headers: await world.bearer('owner') })
    t.match(answer, { status: 403, body: { code: 'tenant_access_denied' } }, path)
  }
  t.match(await remove('owner'), { status: 403, body: { code: 'tenant_access_denied' } })
  t.strictSame((await ask(gateway, '/v1/me', { headers: await world.bearer('owner') })).body.memberships, [])
  t.strictSame((await ask(gateway, '/v1/tenants', { headers: await world.bearer('owner') })).body.data, [])
  for (const [method, path, body] of [
    ['GET', ''],
    ['GET', '/keys'],
    ['PATCH', '', { plan: 'x' }],
    ['POST', '/suspend', { reason: 'x' }],
    ['POST', '/activate'],
    ['POST', '/lockdown'],
  ] as const) {
    const answer = await ask(gateway, `/v1/platform/tenants/${acme.id}${path}`, {
      method,
      headers: headers.operator,
      body,
    })
    t.match(answer, { status: 404, body: { code: 'not_found' } }, `${method} ${path}`)
  }
  const listed = await ask(gateway, '/v1/platform/tenants', { headers: headers.operator })
  t.strictSame(
    listed.body.data.map(({ id }: { id: string }) => id),
    [globex.id],
  )
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.equal((await preflight()).headers.get('access-control-allow-origin'), null, 'its origins are not allowed any more')
  t.match(await gateway.sql(`select actor_id from audit_events where action = 'tenant.deleted'`), [
    { actor_id: ids.owner },
  ])
})
