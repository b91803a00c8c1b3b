import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { addMember } from '../../helpers/members.js'
import { makeOperator } from '../../helpers/operators.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const operator = await world.bearer('operator')
const NOBODY = '00000000-0000-4000-8000-000000000000'
const membersOf = (tenant_id: string, query = '') =>
  ask(gateway, `/v1/platform/tenants/${tenant_id}/members${query}`, { headers: operator })
const name = (tenant_id: string, user_id: string, body: unknown = { reason: 'the Owner has left' }) =>
  ask(gateway, `/v1/platform/tenants/${tenant_id}/owners/${user_id}`, { method: 'PUT', headers: operator, body })
const decide = (headers: Record<string, string>, tenant_id: string, decision: 'accept' | 'decline') =>
  ask(gateway, `/v1/me/memberships/${tenant_id}/${decision}`, { method: 'POST', headers })

async function newUser() {
  const { id, email } = await makeUser(gateway, world)
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email, password: PASSWORD } })
  return { id, email, headers: { authorization: `Bearer ${body.access}` } }
}

/** Creates a tenant whose only Owner cannot act, because an operator has disabled the user. */
async function orphan() {
  const owner = await newUser()
  const { tenant } = await world.platform.write('tenant.created', (store) =>
    store.tenants.create({ name: 'Orphan', owner_id: owner.id }),
  )
  await gateway.sql(`update users set disabled_at = now() where id = '${owner.id}'`)
  return { id: tenant.id, owner }
}

const rolesOf = async (tenant_id: string, user_id: string) => {
  const { data } = (await membersOf(tenant_id)).body
  const found = data.find((each: { user_id: string }) => each.user_id === user_id)
  return found && `${found.state} ${[...found.roles].sort().join(',')}`
}

t.test('200 an operator sees the members of a tenant with roles, state and the state of their users', async (t) => {
  const { body } = await membersOf(acme.id)
  const of = (id: string) => body.data.find((each: { user_id: string }) => each.user_id === id)
  t.match(of(ids.owner), { email: emailOf('owner'), name: 'The owner', state: 'active', roles: ['Owner'] })
  t.match(of(ids.pending), { email: emailOf('pending'), state: 'pending', owner_offered_at: null })
  t.match(of(ids.disabled), { state: 'disabled', disabled_at: null, email_verified_at: String })
  t.notOk(of(ids.other_owner), 'no member of another tenant')
  const page = (await membersOf(acme.id, '?limit=2')).body
  t.same((await membersOf(acme.id, `?limit=100&cursor=${page.next_cursor}`)).body.data, body.data.slice(2))
  t.same((await membersOf(acme.id, '?search=THE+agent')).body.data, [of(ids.agent)])
  t.equal((await membersOf(NOBODY)).status, 404)
})

t.test('403 the list of members takes platform:users:view too, and naming takes platform:tenants:manage', async (t) => {
  const viewer = await newUser()
  await makeOperator(gateway, viewer.id, ['platform:tenants:view'])
  const path = `/v1/platform/tenants/${acme.id}`
  const answer = await ask(gateway, `${path}/members`, { headers: viewer.headers })
  t.match(answer, { status: 403, body: { code: 'platform_access_denied', missing: ['platform:users:view'] } })
  const body = { reason: 'x' }
  const named = await ask(gateway, `${path}/owners/${ids.agent}`, { method: 'PUT', headers: viewer.headers, body })
  t.match(named, { status: 403, body: { missing: ['platform:tenants:manage'] } })
})

// Attack: an operator takes over a tenant by naming a friend as its Owner.
t.test('409 an operator cannot name an Owner while one can act', async (t) => {
  t.match(await name(acme.id, ids.stranger), { status: 409, body: { code: 'owner_can_act' } })
  t.equal(await rolesOf(acme.id, ids.stranger), undefined)
})

t.test('200 a stranger who is named becomes the Owner by accepting, and not before', async (t) => {
  const { id } = await orphan()
  const user = await newUser()
  t.match(await name(id, user.id), { status: 200, body: { tenant_id: id, user_id: user.id, owner_offered_at: String } })
  t.equal(await rolesOf(id, user.id), 'pending Owner')
  t.match(await ask(gateway, `/v1/tenants/${id}`, { headers: user.headers }), {
    status: 403,
    body: { membership_state: 'pending' },
  })
  const me = await ask(gateway, '/v1/me', { headers: user.headers })
  t.match(me.body.pending_memberships, [{ tenant: { id, name: 'Orphan' }, roles: ['Owner'] }])
  t.match(await decide(user.headers, id, 'accept'), { status: 200, body: { roles: ['Owner'] } })
  t.equal(await rolesOf(id, user.id), 'active Owner')
  t.equal((await ask(gateway, `/v1/tenants/${id}/members`, { headers: user.headers })).status, 200)
  t.match(await name(id, user.id), { status: 409, body: { code: 'owner_can_act' } })
})

t.test('200 a member who is named keeps their roles until they accept, and is then the Owner too', async (t) => {
  const { id } = await orphan()
  const member = await newUser()
  await addMember(gateway, id, member.id, ['Analyst'])
  t.equal((await name(id, member.id)).status, 200)
  t.equal(await rolesOf(id, member.id), 'active Analyst')
  const me = (await ask(gateway, '/v1/me', { headers: member.headers })).body
  t.match(me.pending_memberships, [{ tenant: { id }, roles: ['Owner'] }])
  t.match(me.memberships, [{ tenant: { id }, roles: ['Analyst'] }])
  t.equal((await ask(gateway, `/v1/tenants/${id}/usage`, { headers: member.headers })).status, 200, 'still a member')
  t.match(await decide(member.headers, id, 'accept'), { status: 200, body: { roles: ['Owner', 'Analyst'] } })
  t.equal(await rolesOf(id, member.id), 'active Analyst,Owner')
  t.same((await ask(gateway, '/v1/me', { headers: member.headers })).body.pending_memberships, [])
})

t.test('204 a member who declines keeps their roles, and a stranger leaves nothing behind', async (t) => {
  const { id } = await orphan()
  const member = await newUser()
  await addMember(gateway, id, member.id, ['Analyst'])
  await name(id, member.id)
  t.equal((await decide(member.headers, id, 'decline')).status, 204)
  t.equal(await rolesOf(id, member.id), 'active Analyst')
  t.equal((await decide(member.headers, id, 'accept')).status, 404)
  const stranger = await newUser()
  await name(id, stranger.id)
  t.equal((await decide(stranger.headers, id, 'decline')).status, 204)
  t.equal(await rolesOf(id, stranger.id), undefined)
})

t.test('200 a disabled member and an Owner who is denied users:manage are no Owners who can act', async (t) => {
  const owner = await newUser()
  const { tenant } = await world.platform.write('tenant.created', (store) =>
    store.tenants.create({ name: 'Stuck', owner_id: owner.id }),
  )
  const user = await newUser()
  await gateway.sql(`insert into overrides values ('${tenant.id}', '${owner.id}', 'users:manage', 'deny', 'x', now())`)
  t.match(await name(tenant.id, owner.id), { status: 409, body: { code: 'invalid_state' } }, 'the denied one')
  t.equal((await name(tenant.id, user.id)).status, 200)
  await gateway.sql(`delete from overrides where user_id = '${owner.id}';
    update memberships set state = 'disabled' where user_id = '${owner.id}'`)
  t.equal((await name(tenant.id, owner.id)).status, 200, 'the disabled Owner')
  t.equal(await rolesOf(tenant.id, user.id), undefined, 'the earlier offer has ended')
  t.equal((await decide(owner.headers, tenant.id, 'accept')).status, 200)
  t.equal(await rolesOf(tenant.id, owner.id), 'active Owner')
})

// Attack: a named user waits until the Owner is back, and accepts then.
t.test('409 an offer ends when an Owner can act again', async (t) => {
  const { id, owner } = await orphan()
  const user = await newUser()
  await name(id, user.id)
  await gateway.sql(`update users set disabled_at = null where id = '${owner.id}'`)
  t.match(await decide(user.headers, id, 'accept'), { status: 409, body: { code: 'invitation_closed' } })
  t.equal(await rolesOf(id, user.id), 'pending Owner')
})

t.test('200 the event is in the audit of the tenant and in that of the platform', async (t) => {
  const { id } = await orphan()
  const user = await newUser()
  const [first, second] = [await newUser(), user]
  await name(id, first.id)
  await name(id, second.id, { reason: 'named by mistake before' })
  await decide(user.headers, id, 'accept')
  const query = '?action=tenant.owner_offered&limit=1'
  const own = await ask(gateway, `/v1/tenants/${id}/audit-events${query}`, { headers: user.headers })
  t.match(own.body.data, [
    {
      actor_kind: 'operator',
      actor_id: ids.operator,
      target_kind: 'member',
      target_id: user.id,
      changes: { reason: 'named by mistake before', withdrawn_offers: [first.id] },
    },
  ])
  const all = await ask(gateway, `/v1/platform/audit-events${query}`, { headers: operator })
  t.same(all.body.data, own.body.data)
})

t.test('404 409 400 only an active user with a verified email is named, with a reason', async (t) => {
  const { id } = await orphan()
  const user = await newUser()
  t.match(await name(id, NOBODY), { status: 404 })
  t.match(await name(NOBODY, user.id), { status: 404 })
  await gateway.sql(`update users set email_verified_at = null where id = '${user.id}'`)
  t.match(await name(id, user.id), { status: 409, body: { code: 'email_unverified' } })
  await gateway.sql(`update users set email_verified_at = now(), disabled_at = now() where id = '${user.id}'`)
  t.match(await name(id, user.id), { status: 404 })
  for (const body of [{}, { reason: '' }, { reason: 'x', roles: [] }, null]) {
    t.equal((await name(id, ids.agent, body)).status, 400, JSON.stringify(body))
  }
})

// Attack: code of a later release lets a tenant write the offer itself.
t.test('42501 the role of tenants cannot offer an Owner', async (t) => {
  const binding = { role: 'gatehouse_tenant', tenant_id: acme.id } as const
  for (const text of [
    `update memberships set owner_offered_at = now() where user_id = '${ids.agent}'`,
    `insert into memberships (tenant_id, user_id, state, created_at, owner_offered_at)
      values ('${acme.id}', '${ids.stranger}', 'pending', now(), now())`,
  ]) {
    const tried = gateway.database.transaction(binding, (run) => run({ text, values: [], row_mode: 'object' }))
    await t.rejects(tried, { code: '42501' }, text)
  }
})
