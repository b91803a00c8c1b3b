import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { joinTenant } from '../../helpers/members.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, login, PASSWORD } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const headers = await world.bearer('operator')
const platform = (method: string, path: string, body?: unknown) =>
  ask(gateway, `/v1/platform/tenants/${path}`, { method, headers, body })
const change = (id: string, body: unknown) => platform('PATCH', id, body)
const statusOf = async (tenant: { id: string; key: string }) =>
  (await ask(gateway, '/v1/access', { headers: keyHeaders(tenant) })).status
const bearer = (access: string) => ({ authorization: `Bearer ${access}` })
const NOBODY = '00000000-0000-4000-8000-000000000000'

async function newTenant() {
  const owner = await makeUser(gateway, world)
  const { tenant, key } = await world.platform.write('tenant.created', (store) =>
    store.tenants.create({ name: 'Probed', owner_id: owner.id }, { name: 'First', scopes: [] }),
  )
  const logIn = async () =>
    (await ask(gateway, '/v1/auth/login', { body: { email: owner.email, password: PASSWORD } })).body.access as string
  return { id: tenant.id, key: key as string, owner, logIn }
}

t.test('200 a budget is in force for the next request, and so is its removal', async (t) => {
  const tenant = await newTenant()
  const asked = () => ask(gateway, '/v1/access', { headers: keyHeaders(tenant) })
  t.equal((await asked()).status, 200)
  t.match(await change(tenant.id, { requests_per_minute: 3 }), { status: 200, body: { requests_per_minute: 3 } })
  const second = await asked()
  t.match(second.headers.get('ratelimit-policy'), /"tenant";q=3;w=60/)
  t.match(second.headers.get('ratelimit'), /"tenant";r=1;/, 'earlier requests of the window count')
  t.same([(await asked()).status, (await asked()).status], [200, 429])
  t.match((await asked()).body, { code: 'rate_limited', violated_policies: ['tenant'] })
  t.equal(await statusOf(acme), 200, 'other tenants keep their budget')
  t.equal((await change(tenant.id, { requests_per_minute: null })).status, 200)
  t.equal((await asked()).status, 200, 'the default budget applies again')
})

t.test(
  '200 plan and trial can change together or alone, and an expired trial blocks the tenant at the next request',
  async (t) => {
    const tenant = await newTenant()
    const ends = new Date(gateway.clock.now() + 60_000).toISOString()
    t.match(await change(tenant.id, { plan: 'gold', trial_ends_at: ends }), {
      status: 200,
      body: { plan: 'gold', trial_ends_at: ends, requests_per_minute: null },
    })
    t.match(await change(tenant.id, { plan: 'silver' }), { body: { plan: 'silver', trial_ends_at: ends } })
    const events = await gateway.sql(`select changes, actor_id, actor_kind from audit_events
    where target_id = '${tenant.id}' and action = 'tenant.plan_changed' order by seq`)
    t.match(events, [
      {
        actor_kind: 'operator',
        actor_id: ids.operator,
        changes: { before: { plan: 'standard' }, after: { plan: 'gold' } },
      },
      { changes: { before: { plan: 'gold' }, after: { plan: 'silver' } } },
    ])
    t.equal(await statusOf(tenant), 200)
    t.equal((await change(tenant.id, { trial_ends_at: '2020-01-01T00:00:00Z' })).status, 200)
    t.equal(await statusOf(tenant), 403)
    t.equal((await change(tenant.id, { trial_ends_at: null })).status, 200)
    t.equal(await statusOf(tenant), 200)
  },
)

t.test('400 an invalid change, 404 an unknown tenant', async (t) => {
  for (const [body, pointer] of [
    [{}, ''],
    [{ requests_per_minute: 0 }, '/requests_per_minute'],
    [{ requests_per_minute: -1 }, '/requests_per_minute'],
    [{ requests_per_minute: 1.5 }, '/requests_per_minute'],
    [{ requests_per_minute: '5' }, '/requests_per_minute'],
    [{ requests_per_minute: 10_000_001 }, '/requests_per_minute'],
    [{ plan: '' }, '/plan'],
    [{ plan: '  ' }, '/plan'],
    [{ plan: 'x'.repeat(201) }, '/plan'],
    [{ plan: null }, '/plan'],
    [{ plan: 'a\tb' }, '/plan'],
    [{ name: 'Renamed' }, '/name'],
    [{ suspended_at: null }, '/suspended_at'],
    [{ allowed_origins: [] }, '/allowed_origins'],
  ] as const) {
    t.match(await change(acme.id, body), { status: 400, body: { errors: [{ pointer }] } }, JSON.stringify(body))
  }
  for (const [method, path, body] of [
    ['PATCH', NOBODY, { plan: 'gold' }],
    ['PATCH', 'x', { plan: 'gold' }],
    ['POST', `${NOBODY}/lockdown`, undefined],
    ['POST', `${NOBODY}/suspend`, { reason: 'x' }],
    ['POST', `${NOBODY}/activate`, undefined],
    ['GET', `${NOBODY}/keys`, undefined],
  ] as const) {
    t.match(await platform(method, path, body), { status: 404, body: { code: 'not_found' } }, path)
  }
})

// After a leak of unknown size, an operator revokes all credentials of one tenant in one step.
t.test('200 a lockdown revokes every key and every session of the tenant, and of no other tenant', async (t) => {
  const tenant = await newTenant()
  const sessions = [await tenant.logIn(), await tenant.logIn()]
  const [first = ''] = sessions
  const path = `/v1/tenants/${tenant.id}`
  const second = await ask(gateway, `${path}/keys`, { headers: bearer(first), body: { name: 'Second' } })
  const rotated = await ask(gateway, `${path}/keys/${second.body.id}/rotate`, {
    headers: bearer(first),
    body: { overlap_seconds: 600 },
  })
  const agent = await login(gateway, 'agent')
  await joinTenant(gateway, bearer(first), tenant.id, { user_id: ids.agent, roles: [] })
  const stranger = await login(gateway, 'stranger')
  const invitation = { email: 'new@people.example', roles: [] }
  t.equal((await ask(gateway, `${path}/invitations`, { headers: bearer(first), body: invitation })).status, 201)

  t.match(await platform('POST', `${tenant.id}/lockdown`), {
    status: 200,
    body: { keys_revoked: 2, sessions_ended: 3, invitations_revoked: 1 },
  })
  for (const key of [tenant.key, second.body.key, rotated.body.key])
    t.equal(await statusOf({ id: tenant.id, key }), 401)
  for (const access of [...sessions, agent.access]) {
    t.equal((await ask(gateway, '/v1/me', { headers: bearer(access) })).status, 401)
  }
  t.equal((await ask(gateway, '/v1/auth/refresh', { body: { refresh: agent.refresh } })).status, 401)
  t.equal((await ask(gateway, '/v1/me', { headers: bearer(stranger.access) })).status, 200)
  t.equal(await statusOf(acme), 200, 'the other tenant of a member is not locked down')
  t.equal(await statusOf(globex), 200)
  const events = await gateway.sql(`select changes from audit_events where action = 'tenant.locked_down'`)
  t.same(events, [{ changes: { keys_revoked: 2, sessions_ended: 3, invitations_revoked: 1 } }])
  t.match(await platform('POST', `${tenant.id}/lockdown`, { reason: 'a leaked backup' }), {
    status: 200,
    body: { keys_revoked: 0, sessions_ended: 0, invitations_revoked: 0 },
  })
  const [second_event] = await gateway.sql(
    `select changes from audit_events where action = 'tenant.locked_down' order by seq desc limit 1`,
  )
  t.match(second_event?.changes, { keys_revoked: 0, reason: 'a leaked backup' })
  for (const [body, pointer] of [
    [{ reason: ' ' }, '/reason'],
    [{ why: 'x' }, '/why'],
  ] as const) {
    t.match(await platform('POST', `${tenant.id}/lockdown`, body), { status: 400, body: { errors: [{ pointer }] } })
  }
  const again = bearer(await tenant.logIn())
  t.equal((await ask(gateway, `${path}/keys`, { headers: again, body: { name: 'Anew' } })).status, 201)
})

t.test('500 a lockdown that fails in the middle revokes nothing: it is one transaction', async (t) => {
  const tenant = await newTenant()
  const access = await tenant.logIn()
  await gateway.sql(`create function refuse_end() returns trigger language plpgsql as $$ begin
    if new.end_reason = 'tenant_locked_down' then raise exception 'not today'; end if; return new; end $$`)
  await gateway.sql('create trigger refuse_end before update on sessions for each row execute function refuse_end()')
  t.equal((await platform('POST', `${tenant.id}/lockdown`)).status, 500)
  await gateway.sql('drop function refuse_end cascade')
  t.equal(await statusOf(tenant), 200, 'the key')
  t.equal((await ask(gateway, '/v1/me', { headers: bearer(access) })).status, 200, 'the session')
  t.equal((await platform('POST', `${tenant.id}/lockdown`)).status, 200)
  t.equal(await statusOf(tenant), 401)
})

// Attack: creates keys at the moment of the lockdown, so that one of them outlives it.
t.test('no key that is created during a lockdown outlives it', async (t) => {
  const tenant = await newTenant()
  const owner = bearer(await tenant.logIn())
  const make = () => ask(gateway, `/v1/tenants/${tenant.id}/keys`, { headers: owner, body: { name: 'Raced' } })
  const [locked, ...made] = await Promise.all([
    platform('POST', `${tenant.id}/lockdown`),
    ...Array.from({ length: 12 }, make),
  ])
  t.equal(locked?.status, 200)
  t.match(await make(), { status: 401, body: { code: 'invalid_token' } })
  const active = await gateway.sql(`select id from tenant_keys where tenant_id = '${tenant.id}' and revoked_at is null`)
  t.strictSame(active, [])
  for (const { body } of made.filter(({ status }) => status === 201)) {
    t.equal(await statusOf({ id: tenant.id, key: body.key }), 401)
  }
})

// Attack: the client repeats a request that created a key, with its Idempotency-Key, to read the key after the lockdown.
t.test('409 a lockdown deletes the stored responses that hold a key of the tenant', async (t) => {
  const user = await makeUser(gateway, world)
  const signIn = async () => {
    const body = { email: user.email, password: PASSWORD }
    return bearer((await ask(gateway, '/v1/auth/login', { body })).body.access)
  }
  const post = async (path: string, body: object, headers: Record<string, string>) =>
    ask(gateway, path, { headers: { ...headers, 'idempotency-key': 'before-lockdown' }, body })
  const before = await signIn()
  const made = await post('/v1/tenants', { name: 'Replayed' }, before)
  const { id } = made.body.tenant
  const key = await post(`/v1/tenants/${id}/keys`, { name: 'Replayed' }, before)
  t.same([made.status, key.status], [201, 201])
  t.equal((await platform('POST', `${id}/lockdown`)).status, 200)
  const stored = await gateway.sql(`select answer from idempotency_records where key = 'before-lockdown'`)
  t.strictSame(stored, [{ answer: null }, { answer: null }])
  const after = await signIn()
  const lost = { status: 409, body: { code: 'idempotency_answer_lost' } }
  t.match(await post('/v1/tenants', { name: 'Replayed' }, after), lost)
  t.match(await post(`/v1/tenants/${id}/keys`, { name: 'Replayed' }, after), lost)
})

t.test('200 an operator sees the keys of a tenant, with revoked keys, and no secret', async (t) => {
  const answer = await platform('GET', `${acme.id}/keys?limit=100`)
  const own = await ask(gateway, `/v1/tenants/${acme.id}/keys?limit=100`, { headers: await world.bearer('owner') })
  t.same(answer.body.data, own.body.data)
  t.notMatch(answer.text, /ghk_|digest/)
  const first = await platform('GET', `${acme.id}/keys?limit=1`)
  const next = await platform('GET', `${acme.id}/keys?limit=1&cursor=${first.body.next_cursor}`)
  t.same([...first.body.data, ...next.body.data], answer.body.data.slice(0, 2))
})
