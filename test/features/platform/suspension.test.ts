import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const operator = await world.bearer('operator')
const post = (action: string, body?: unknown) =>
  ask(gateway, `/v1/platform/tenants/${acme.id}/${action}`, { method: 'POST', headers: operator, body })
const inMinutes = (minutes: number) => new Date(gateway.clock.now() + minutes * 60_000).toISOString()
const events = () =>
  gateway.sql(
    `select changes from audit_events where action = 'tenant.suspended' and tenant_id = '${acme.id}' order by seq`,
  )
const REASON = 'invoice of March is open'
const get = (path: string, headers: Record<string, string>) => ask(gateway, path, { headers })

t.test('403 members and keys with scopes of a suspended tenant read the reason and the end', async (t) => {
  const until = inMinutes(60)
  const suspended = await post('suspend', { reason: REASON, until })
  const { suspended_at } = suspended.body
  const detail = `An operator suspended the tenant at ${suspended_at}, until ${until}. The reason: ${REASON}`
  const told = { status: 403, body: { code: 'tenant_suspended', until, reason: REASON, detail } }
  t.match(await get(`/v1/tenants/${acme.id}`, await world.bearer('agent')), told, 'management plane')
  t.match(await get('/v1/customers', await world.as('agent')), told, 'data plane')
  t.match(await get('/v1/customers', keyHeaders({ id: acme.id, key: acme.integration_key })), told, 'integration')
})

// Attack: a visitor of a page takes the key without scopes from it, to learn why its tenant is suspended.
t.test('403 a key without scopes, and users who are not members, learn the end but not the reason', async (t) => {
  const people: Person[] = ['stranger', 'pending', 'disabled', 'other_owner']
  const callers = [keyHeaders(acme), ...(await Promise.all(people.map((person) => world.as(person))))]
  callers.push({ ...keyHeaders(acme), authorization: 'Bearer x' })
  for (const headers of callers) {
    const answer = await get('/v1/customers', headers)
    t.match(answer, { status: 403, body: { code: 'tenant_suspended', until: String } })
    t.notMatch(answer.text, REASON)
    t.match(answer.body.detail, /A member of the tenant who sends an access token reads the reason\.$/)
  }
})

t.test('200 operators see the reason in the list and in the tenant', async (t) => {
  const list = await get('/v1/platform/tenants', operator)
  const one = list.body.data.find(({ id }: { id: string }) => id === acme.id)
  t.equal(one.suspension_reason, REASON)
  t.same((await get(`/v1/platform/tenants/${acme.id}`, operator)).body, one)
})

t.test('200 a second suspension changes reason and end, keeps the start, and the audit has both', async (t) => {
  const before = (await get(`/v1/platform/tenants/${acme.id}`, operator)).body
  gateway.clock.advance(60_000)
  const again = await post('suspend', { reason: 'still open' })
  t.match(again, {
    status: 200,
    body: { suspended_at: before.suspended_at, suspended_until: null, suspension_reason: 'still open' },
  })
  const [first, second] = await events()
  t.match(first?.changes, { after: { suspension_reason: REASON } })
  t.notMatch(JSON.stringify(first?.changes), 'before')
  t.same(second?.changes, {
    before: { suspended_at: before.suspended_at, suspended_until: before.suspended_until, suspension_reason: REASON },
    after: { suspended_at: before.suspended_at, suspended_until: null, suspension_reason: 'still open' },
  })
  t.match((await get(`/v1/tenants/${acme.id}`, await world.bearer('agent'))).body, {
    reason: 'still open',
    until: null,
  })
  t.equal((await post('suspend', { reason: 'still open' })).status, 200)
  t.equal((await events()).length, 2, 'the same suspension again changes nothing')
})

t.test('200 after the end of a suspension, the next one begins anew', async (t) => {
  await post('activate')
  const first = await post('suspend', { reason: 'pause', until: inMinutes(5) })
  gateway.clock.advance(6 * 60_000)
  const next = await post('suspend', { reason: 'pause' })
  t.ok(next.body.suspended_at > first.body.suspended_at)
  await post('activate')
})

t.test('403 a tenant whose trial has ended learns when', async (t) => {
  const at = inMinutes(-1)
  await gateway.sql(`update tenants set trial_ends_at = '${at}' where id = '${acme.id}'`)
  t.match((await get('/v1/customers', keyHeaders(acme))).body, { code: 'tenant_suspended', trial_ended_at: at })
  await gateway.sql(`update tenants set trial_ends_at = null where id = '${acme.id}'`)
})

t.test('403 a user whose membership is pending learns that, and how to accept it', async (t) => {
  const pending = {
    status: 403,
    body: {
      code: 'tenant_access_denied',
      membership_state: 'pending',
      detail: `Your membership of this tenant is pending. Accept it with POST /v1/me/memberships/${acme.id}/accept.`,
    },
  }
  t.match(await get(`/v1/tenants/${acme.id}`, await world.bearer('pending')), pending)
  t.match(await get('/v1/customers', await world.as('pending')), pending)
})

// Attack: sends a token that is not valid, or asks as another user, to learn who is invited.
t.test('401 403 nobody else learns of a pending membership', async (t) => {
  for (const person of ['stranger', 'disabled', 'other_owner'] as const) {
    const answer = await get(`/v1/tenants/${acme.id}`, await world.bearer(person))
    t.match(answer, { status: 403, body: { detail: 'The user is not an active member of this tenant.' } })
    t.notOk('membership_state' in answer.body, person)
  }
  const token = await world.bearer('pending')
  await gateway.sql(`update sessions set ended_at = now(), end_reason = 'test' where user_id = '${ids.pending}'`)
  const ended = await get(`/v1/tenants/${acme.id}`, token)
  t.equal(ended.status, 401)
  t.notMatch(ended.text, /pending/)
})
