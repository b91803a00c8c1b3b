import { ACTIONS } from '../../../src/kernel/store/actions.js'
import { startGateway } from '../../helpers/gateway.js'
import { makeOperator } from '../../helpers/operators.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const headers = {
  owner: await world.bearer('owner'),
  admin: await world.bearer('admin'),
  analyst: await world.bearer('analyst'),
  operator: await world.bearer('operator'),
}
type Person = keyof typeof headers
const TENANT = `/v1/tenants/${acme.id}/audit-events`
const PLATFORM = '/v1/platform/audit-events'
const get = (query: Record<string, string>, at = TENANT, person: Person = 'owner') =>
  ask(gateway, `${at}?${new URLSearchParams({ limit: '100', ...query })}`, { headers: headers[person] })
// biome-ignore lint/suspicious/noExplicitAny: events are looked into as JSON
const events = async (...asked: Parameters<typeof get>): Promise<any[]> => {
  const answer = await get(...asked)
  if (answer.status !== 200) throw new Error(answer.text)
  return answer.body.data
}
const makeKey = async (person: Person, request_id: string) => {
  const path = `/v1/tenants/${acme.id}/keys`
  const body = { name: 'Filtered' }
  const made = await ask(gateway, path, { headers: { ...headers[person], 'x-request-id': request_id }, body })
  if (made.status !== 201) throw new Error(made.text)
  return made.body.id as string
}
const key = await makeKey('owner', 'made-by.owner_1')
const other = await makeKey('admin', 'made-by.admin_1')
await ask(gateway, `/v1/tenants/${acme.id}/keys/${key}`, {
  method: 'PATCH',
  headers: headers.owner,
  body: { name: 'X' },
})

t.test('200 a filter takes several actions with commas between them', async (t) => {
  const actions = async (action: string) => (await events({ action })).map((event) => event.action)
  const both = await actions('tenant_key.updated,tenant_key.created')
  t.same([...new Set(both)].sort(), ['tenant_key.created', 'tenant_key.updated'])
  t.equal(both.length, (await actions('tenant_key.updated')).length + (await actions('tenant_key.created')).length)
  t.same(await actions('tenant_key.updated'), ['tenant_key.updated'])
  t.equal((await get({ action: Object.keys(ACTIONS).slice(0, 20).join(',') })).status, 200)
})

t.test('400 an action that does not exist, an empty one, one that is sent twice, and more than 20', async (t) => {
  const message = 'must be an action of the audit, or up to 20 with commas between them'
  for (const action of [
    'no.such',
    '',
    ',',
    'tenant_key.created,',
    'tenant_key.created,,tenant_key.updated',
    'tenant_key.created, tenant_key.updated',
    'tenant_keyXcreated',
    Object.keys(ACTIONS).slice(0, 21).join(','),
  ]) {
    t.match(await get({ action }), { status: 400, body: { errors: [{ pointer: '/action', message }] } }, action)
  }
  const twice = await ask(gateway, `${TENANT}?action=tenant_key.created&action=tenant_key.updated`, {
    headers: headers.owner,
  })
  t.match(twice, { status: 400, body: { code: 'validation_failed' } })
})

t.test('200 a request id finds what that request did, and nothing of other tenants', async (t) => {
  t.match(await events({ request_id: 'made-by.owner_1' }), [{ target_id: key, request_id: 'made-by.owner_1' }])
  t.match(await events({ request_id: 'made-by.admin_1' }, PLATFORM, 'operator'), [{ target_id: other }])
  t.same(await events({ request_id: 'made-by.nobody' }), [])
  const elsewhere = { ...(await world.bearer('other_owner')), 'x-request-id': 'made-by.owner_1' }
  const path = `/v1/tenants/${world.globex.id}`
  await ask(gateway, `${path}/keys`, { headers: elsewhere, body: { name: 'Theirs' } })
  t.equal((await events({ request_id: 'made-by.owner_1' })).length, 1)
  t.equal((await events({ request_id: 'made-by.owner_1' }, PLATFORM, 'operator')).length, 2)
  for (const request_id of ['', 'a b', 'x'.repeat(129), 'ä']) {
    t.match(await get({ request_id }), { status: 400, body: { errors: [{ pointer: '/request_id' }] } }, request_id)
  }
})

t.test('200 the email of a member finds their events, in lists and exports', async (t) => {
  const by_id = await events({ actor_id: ids.admin })
  t.ok(by_id.length > 0)
  t.same(await events({ actor_email: emailOf('admin').toUpperCase() }), by_id)
  t.same(
    await events({ actor_email: emailOf('admin') }, PLATFORM, 'operator'),
    await events({ actor_id: ids.admin }, PLATFORM, 'operator'),
  )
  const exported = await ask(gateway, `${TENANT}/export?actor_email=${emailOf('admin')}`, { headers: headers.owner })
  const lines = exported.text.trim().split('\n')
  t.same(
    lines.map((line) => JSON.parse(line).id),
    by_id.map(({ id }) => id),
  )
})

t.test('400 an email that no member has is refused, also that of a user who has not accepted', async (t) => {
  for (const person of ['stranger', 'pending', 'other_owner'] as const) {
    const message = 'is not the email of a member of this tenant; find a former member by actor_id'
    const answer = await get({ actor_email: emailOf(person) })
    t.match(answer, { status: 400, body: { errors: [{ pointer: '/actor_email', message }] } }, person)
  }
  t.match(await get({ actor_email: 'nobody@people.example' }, PLATFORM, 'operator'), {
    status: 400,
    body: { errors: [{ pointer: '/actor_email', message: 'is not the email of a user' }] },
  })
  t.match(await get({ actor_email: emailOf('admin'), actor_id: ids.admin }), {
    status: 400,
    body: { errors: [{ pointer: '/actor_email', message: 'must not be sent with actor_id' }] },
  })
  t.equal((await get({ actor_email: 'x' })).status, 400)
})

// Attack: a reader of the audit who may not see the members tries addresses, to learn which are members.
t.test('403 the email of another member takes users:manage, and an unknown email gets the same response', async (t) => {
  t.same(await events({ actor_email: emailOf('analyst') }, TENANT, 'analyst'), [], 'their own email')
  const texts = new Set<string>()
  for (const actor_email of [emailOf('admin'), emailOf('stranger'), 'nobody@people.example']) {
    const answer = await get({ actor_email }, TENANT, 'analyst')
    t.match(answer, { status: 403, body: { code: 'insufficient_scope', missing: ['users:manage'] } }, actor_email)
    texts.add(answer.text.replace(answer.body.request_id, ''))
  }
  t.equal(texts.size, 1)
})

t.test('403 an operator without platform:users:view cannot try emails', async (t) => {
  await makeOperator(gateway, ids.stranger, ['platform:audit:view'])
  const stranger = await world.bearer('stranger')
  const as = (actor_email: string) =>
    ask(gateway, `${PLATFORM}?${new URLSearchParams({ actor_email })}`, { headers: stranger })
  t.match(await as(emailOf('admin')), { status: 403, body: { missing: ['platform:users:view'] } })
  t.match(await as('nobody@people.example'), { status: 403, body: { missing: ['platform:users:view'] } })
  t.equal((await as(emailOf('stranger'))).status, 200)
})

// Attack: an operator filters the audit of a large platform by an actor who did nothing, and one request reads all of it.
t.test(
  '200 a list of the platform by actor or target stops after 10,000 events, and its cursor continues it',
  async (t) => {
    await gateway.sql(`insert into audit_events (id, action, actor_kind, target_kind, changes, created_at, chain_seq, digest, hash)
    select gen_random_uuid(), 'session.refreshed', 'system', 'session', '{}', now(), 1000000 + n, '', '' from generate_series(1, 10500) n`)
    for (const filter of ['actor_id', 'target_id']) {
      const first = await get({ [filter]: ids.disabled }, PLATFORM, 'operator')
      t.same(first.body.data, [], filter)
      t.type(first.body.next_cursor, 'string', filter)
      const query = { [filter]: ids.disabled, cursor: first.body.next_cursor as string }
      t.equal((await get(query, PLATFORM, 'operator')).body.next_cursor, null, filter)
    }
    t.same((await get({ request_id: 'no-such' }, PLATFORM, 'operator')).body, { data: [], next_cursor: null })
  },
)
