import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, keyHeaders } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const headers = await world.bearer('operator')
const get = (path: string) => ask(gateway, `/v1/platform/tenants${path}`, { headers })
const post = (path: string, body?: unknown) =>
  ask(gateway, `/v1/platform/tenants${path}`, { method: 'POST', headers, body })
const MINUTE_MS = 60_000
const inMinutes = (minutes: number) => new Date(gateway.clock.now() + minutes * MINUTE_MS).toISOString()
const integration = keyHeaders({ id: acme.id, key: acme.integration_key })
const asked = async () => {
  const { status, body } = await ask(gateway, '/v1/customers', { headers: integration })
  return status === 200 ? 200 : `${status} ${body.code}`
}

t.test('200 operators list and read every tenant, but none of its data', async (t) => {
  const list = await get('')
  t.same(
    list.body.data.map(({ id }: { id: string }) => id),
    [globex.id, acme.id],
    'newest first',
  )
  const one = await get(`/${acme.id}`)
  t.same(one.body, list.body.data[1])
  const { created_at: _created_at, ...shown } = one.body
  t.same(shown, {
    id: acme.id,
    name: 'Acme ACMEMARK',
    ...('plan' in one.body && { plan: one.body.plan }),
    allowed_origins: ['https://acme.example'],
    requests_per_minute: null,
    trial_ends_at: null,
    suspended_at: null,
    suspended_until: null,
    suspension_reason: null,
  })
  t.match(await get('/00000000-0000-4000-8000-000000000000'), { status: 404, body: { code: 'not_found' } })
  t.equal((await get('/x')).status, 404)
  const paged = await get('?limit=1')
  t.equal((await get(`?cursor=${paged.body.next_cursor}`)).body.data[0].id, acme.id)
})

t.test('201 an operator creates a tenant for an existing user, by email or id, with its budget', async (t) => {
  const by_email = await post('', {
    name: 'Umbrella',
    owner_email: emailOf('stranger').toUpperCase(),
    requests_per_minute: 5,
  })
  t.match(by_email, { status: 201, body: { name: 'Umbrella', requests_per_minute: 5 } })
  t.notMatch(by_email.text, /ghk_/, 'the operator gets no key; the Owner creates one')
  const accept = { method: 'POST', headers: await world.bearer('stranger') }
  t.equal((await ask(gateway, '/v1/tenants', { headers: accept.headers })).body.data.length, 0, 'not without consent')
  t.equal((await ask(gateway, `/v1/me/memberships/${by_email.body.id}/accept`, accept)).status, 200)
  const mine = await ask(gateway, '/v1/tenants', { headers: await world.bearer('stranger') })
  t.same(
    mine.body.data.map(({ id }: { id: string }) => id),
    [by_email.body.id],
  )
  const denied = await ask(gateway, `/v1/tenants/${by_email.body.id}`, { headers })
  t.match(denied, { status: 403, body: { code: 'tenant_access_denied' } }, 'the operator is not a member')
  t.equal((await post('', { name: 'By id', owner_id: ids.stranger })).status, 201)
})

t.test('404 400 an unknown or disabled owner, and an invalid body', async (t) => {
  await gateway.sql(`update users set disabled_at = now() where id = '${ids.lead}'`)
  for (const owner of [
    { owner_email: 'nobody@people.example' },
    { owner_email: emailOf('lead') },
    { owner_id: ids.lead },
    { owner_id: acme.id },
  ]) {
    t.match(
      await post('', { name: 'X', ...owner }),
      { status: 404, body: { code: 'not_found' } },
      JSON.stringify(owner),
    )
  }
  const owner = { owner_id: ids.owner }
  const wrong = [
    { name: 'X' },
    { name: 'X', ...owner, owner_email: emailOf('owner') },
    { name: 'X', ...owner, requests_per_minute: 0 },
    { name: 'X', ...owner, requests_per_minute: 1.5 },
    { name: 'X', ...owner, trial_ends_at: inMinutes(-1) },
    { name: 'X', ...owner, trial_ends_at: '2999-01-01T00:00:00Z' },
    { name: 'X', ...owner, trial_ends_at: 'tomorrow' },
    { name: 'X', ...owner, allowed_origins: ['*'] },
    { name: 'X', ...owner, id: acme.id },
    { ...owner },
  ]
  for (const body of wrong)
    t.match(await post('', body), { status: 400, body: { code: 'validation_failed' } }, JSON.stringify(body))
})

t.test('a tenant is suspended with a reason until it is activated; both requests can be repeated', async (t) => {
  t.equal(await asked(), 200)
  const suspended = await post(`/${acme.id}/suspend`, { reason: 'unpaid' })
  t.match(suspended, { status: 200, body: { suspension_reason: 'unpaid', suspended_until: null } })
  t.ok(suspended.body.suspended_at)
  t.equal(await asked(), '403 tenant_suspended')
  t.match(await post(`/${acme.id}/suspend`, { reason: 'still unpaid' }), {
    status: 200,
    body: { suspension_reason: 'still unpaid' },
  })
  gateway.clock.advance(20 * MINUTE_MS)
  t.equal(await asked(), '403 tenant_suspended', 'a suspension without an end does not expire')
  for (let times = 0; times < 2; times += 1) {
    const activated = await post(`/${acme.id}/activate`)
    t.match(activated, { status: 200, body: { suspended_at: null, suspended_until: null, suspension_reason: null } })
  }
  t.equal(await asked(), 200)
})

// Attack: uses a wrong key to find out that a tenant exists and is suspended.
t.test('401 403 only a request with a valid key learns that its tenant is suspended', async (t) => {
  await post(`/${globex.id}/suspend`, { reason: 'test' })
  const right = await ask(gateway, '/v1/access', { headers: keyHeaders(globex) })
  t.match(right, { status: 403, body: { code: 'tenant_suspended' } })
  const wrong = await ask(gateway, '/v1/access', { headers: keyHeaders({ id: globex.id, key: acme.key }) })
  t.match(wrong, { status: 401, body: { code: 'invalid_tenant_credentials' } })
  t.notMatch(right.text, /"test"/, 'only operators see the reason')
  await post(`/${globex.id}/activate`)
})

t.test('a suspension with an end expires at that minute', async (t) => {
  const until = inMinutes(10)
  t.match(await post(`/${acme.id}/suspend`, { reason: 'pause', until }), {
    status: 200,
    body: { suspended_until: until },
  })
  t.equal(await asked(), '403 tenant_suspended')
  gateway.clock.advance(9 * MINUTE_MS + 50_000)
  t.equal(await asked(), '403 tenant_suspended')
  gateway.clock.advance(10_000)
  t.equal(await asked(), 200)
  await post(`/${acme.id}/activate`)
})

t.test('403 a tenant with an expired trial is refused like a suspended tenant', async (t) => {
  await gateway.sql(`update tenants set trial_ends_at = '${inMinutes(5)}' where id = '${acme.id}'`)
  t.equal(await asked(), 200)
  gateway.clock.advance(5 * MINUTE_MS)
  t.equal(await asked(), '403 tenant_suspended')
  await gateway.sql(`update tenants set trial_ends_at = null where id = '${acme.id}'`)
  t.equal(await asked(), 200)
})

t.test('400 a suspension without a reason or with an end in the past; 404 an unknown tenant', async (t) => {
  const wrong = [
    undefined,
    {},
    { reason: '' },
    { reason: 'x'.repeat(501) },
    { reason: 'x', until: inMinutes(-1) },
    { reason: 'x', until: '9999-12-31T00:00:00Z' },
    { reason: 'x', until: 'soon' },
    { reason: 'x', id: globex.id },
  ]
  for (const body of wrong) t.equal((await post(`/${acme.id}/suspend`, body)).status, 400, JSON.stringify(body))
  for (const path of ['/00000000-0000-4000-8000-000000000000', '/x']) {
    t.equal((await post(`${path}/suspend`, { reason: 'x' })).status, 404)
    t.equal((await post(`${path}/activate`)).status, 404)
  }
  t.equal(await asked(), 200, 'the tenant is not suspended')
})
