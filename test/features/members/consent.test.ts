import type { Row } from '../../../src/kernel/database/database.js'
import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { joinTenant } from '../../helpers/members.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, PASSWORD } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const operator = await world.bearer('operator')

type Headers = Record<string, string>
const change = async (headers: Headers, method: string, path: string, body?: unknown) => {
  const answer = await ask(gateway, path, { method, headers, body })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`)
  return answer.body
}
async function newUser() {
  const user = await makeUser(gateway, world)
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email: user.email, password: PASSWORD } })
  return { ...user, headers: { authorization: `Bearer ${body.access}` } }
}
type User = Awaited<ReturnType<typeof newUser>>

/** A tenant whose owner offers a membership to a user. */
async function scene(roles = ['Agent']) {
  const [owner, user] = [await newUser(), await newUser()]
  const { tenant } = await change(owner.headers, 'POST', '/v1/tenants', { name: 'Offering' })
  const path = `/v1/tenants/${tenant.id}`
  const added = await ask(gateway, `${path}/members`, { headers: owner.headers, body: { user_id: user.id, roles } })
  return { tenant_id: String(tenant.id), path, owner, user, added }
}
const respond = (tenant_id: string, response: 'accept' | 'decline', { headers }: User) =>
  ask(gateway, `/v1/me/memberships/${tenant_id}/${response}`, { method: 'POST', headers })
const profile = async ({ headers }: User) => (await ask(gateway, '/v1/me', { headers })).body
const missing = { status: 404, body: { code: 'not_found' } }
const closed = { status: 409, body: { code: 'invitation_closed' } }
const denied = { status: 403, body: { code: 'tenant_access_denied' } }

// Attack: a user makes a tenant and adds any id that they have seen, to read the email and the name of that user.
t.test('201 a tenant learns who a user is when the user accepts, and not before', async (t) => {
  const { tenant_id, path, owner, user, added } = await scene()
  t.match(added, { status: 201, body: { user_id: user.id, state: 'pending', email: null, name: null } })
  const member = `${path}/members/${user.id}`
  const answers = [
    added,
    await ask(gateway, `${path}/members`, { headers: owner.headers }),
    await ask(gateway, member, { headers: owner.headers }),
    await ask(gateway, member, { method: 'PATCH', headers: owner.headers, body: { roles: ['Analyst'] } }),
    await ask(gateway, `${path}/audit-events`, { headers: owner.headers }),
  ]
  for (const { text } of answers) t.notOk(text.includes(user.email), text)
  t.match(await profile(user), {
    memberships: [],
    pending_memberships: [{ tenant: { id: tenant_id, name: 'Offering' }, roles: ['Analyst'] }],
  })
  t.match(await ask(gateway, path, { headers: user.headers }), denied)
  t.match(await respond(tenant_id, 'accept', user), {
    status: 200,
    body: { tenant: { id: tenant_id }, roles: ['Analyst'] },
  })
  t.equal((await ask(gateway, path, { headers: user.headers })).status, 200)
  t.match(await ask(gateway, member, { headers: owner.headers }), { body: { state: 'active', email: user.email } })
  t.match(await profile(user), { pending_memberships: [], memberships: [{ state: 'active', roles: ['Analyst'] }] })
  t.match(await respond(tenant_id, 'accept', user), missing, 'a membership is accepted once')
  t.match(await respond(tenant_id, 'decline', user), missing)
  const events = await gateway.sql(`select action, actor_id from audit_events where tenant_id = '${tenant_id}'
    and target_id = '${user.id}' and target_kind = 'member' order by chain_seq`)
  t.same(events, [
    { action: 'member.added', actor_id: owner.id },
    { action: 'member.updated', actor_id: owner.id },
    { action: 'member.accepted', actor_id: user.id },
  ])
})

t.test('204 a declined membership is deleted, and the tenant can offer it again', async (t) => {
  const { tenant_id, path, owner, user } = await scene()
  t.equal((await respond(tenant_id, 'decline', user)).status, 204)
  t.match(await respond(tenant_id, 'accept', user), missing)
  t.match(await ask(gateway, `${path}/members/${user.id}`, { headers: owner.headers }), missing)
  const again = { headers: owner.headers, body: { user_id: user.id, roles: [] } }
  t.match(await ask(gateway, `${path}/members`, again), { status: 201, body: { state: 'pending', email: null } })
})

// Attack: a tenant writes the consent of a user itself: by the state, by another user, or by a removed membership.
t.test('404 409 only the user can accept, and for one membership', async (t) => {
  const { tenant_id, path, owner, user } = await scene()
  const member = `${path}/members/${user.id}`
  for (const state of ['active', 'disabled']) {
    const answer = await ask(gateway, member, { method: 'PATCH', headers: owner.headers, body: { state } })
    t.match(answer, { status: 409, body: { code: 'invalid_state' } }, state)
  }
  t.match(await respond(tenant_id, 'accept', owner), missing, 'an accepted membership')
  t.match(await respond(tenant_id, 'accept', await newUser()), missing, 'another user')
  t.equal((await respond(tenant_id, 'accept', user)).status, 200)
  await change(owner.headers, 'DELETE', member)
  const answer = await ask(gateway, `${path}/members`, {
    headers: owner.headers,
    body: { user_id: user.id, roles: [] },
  })
  t.match(answer, { status: 201, body: { state: 'pending', email: null } })
  t.match(await ask(gateway, path, { headers: user.headers }), denied)
})

// Attack: a bug or an injection in a request of a tenant writes memberships with the database role of tenants.
t.test('the database role of a tenant cannot write an accepted membership', async (t) => {
  const { user_id } = { user_id: (await makeUser(gateway, world)).id }
  const asTenant = async (statement: string): Promise<Row[]> =>
    gateway.sql(`begin; set local role gatehouse_tenant; set local app.tenant_id = '${acme.id}'; ${statement}; commit`)
  const insert = (state: string, accepted_at: string) =>
    asTenant(`insert into memberships (tenant_id, user_id, state, created_at, accepted_at)
      values ('${acme.id}', '${user_id}', '${state}', now(), ${accepted_at})`)
  const attempts: Record<string, () => Promise<unknown>> = {
    'active without consent': () => insert('active', 'null'),
    'active with a consent': () => insert('active', 'now()'),
    'pending with a consent': () => insert('pending', 'now()'),
    'made active': () => asTenant(`update memberships set state = 'active' where user_id = '${ids.pending}'`),
    'a consent by an update': () =>
      asTenant(`update memberships set state = 'active', accepted_at = now() where user_id = '${ids.pending}'`),
    'another user': () => asTenant(`update memberships set user_id = '${user_id}' where user_id = '${ids.agent}'`),
  }
  for (const [name, attempt] of Object.entries(attempts)) {
    await t.rejects(attempt(), /row-level security|memberships_consent_check|permission denied/, name)
    await gateway.sql('rollback')
  }
  t.same(await gateway.sql(`select 1 from memberships where user_id = '${user_id}'`), [])
  t.same(await gateway.sql(`select state from memberships where user_id = '${ids.pending}'`), [{ state: 'pending' }])
})

// Attack: 20 tenants with the victim as a pending Owner use up the tenants that the victim may make.
t.test('201 pending memberships do not count against the tenants of a user', async (t) => {
  const victim = await newUser()
  await gateway.sql(`insert into tenants (id, name, created_at)
    select gen_random_uuid(), 'Trap', now() from generate_series(1, 20)`)
  await gateway.sql(`insert into roles (tenant_id, id, name, system_role, scopes, created_at)
    select id, gen_random_uuid(), 'Owner', 'owner', '{}', now() from tenants where name = 'Trap'`)
  await gateway.sql(`insert into memberships (tenant_id, user_id, state, created_at)
    select id, '${victim.id}', 'pending', now() from tenants where name = 'Trap'`)
  await gateway.sql(`insert into membership_roles select r.tenant_id, '${victim.id}', r.id from roles r
    join tenants t on t.id = r.tenant_id where t.name = 'Trap'`)
  t.equal((await ask(gateway, '/v1/tenants', { headers: victim.headers, body: { name: 'Mine' } })).status, 201)
  t.equal((await profile(victim)).pending_memberships.length, 20)
})

// Attack: an operator locks down the tenant of an attacker, and the sessions of every user whom it added end.
t.test('200 a lockdown ends no session of a user who did not accept, and withdraws the offer', async (t) => {
  const { tenant_id, user } = await scene()
  const lockdown = await change(operator, 'POST', `/v1/platform/tenants/${tenant_id}/lockdown`)
  t.match(lockdown, { sessions_ended: 1, invitations_revoked: 1 })
  t.equal((await ask(gateway, '/v1/me', { headers: user.headers })).status, 200)
  t.match(await respond(tenant_id, 'accept', user), missing)
})

// Attack: an Admin offers a membership to a second user of theirs, loses their rights, and accepts with that user.
t.test('404 409 an offer ends when the member who made it could not make it any more', async (t) => {
  const enders: Record<
    string,
    readonly [typeof missing, (path: string, owner: Headers, admin: string) => Promise<unknown>]
  > = {
    removed: [missing, (path, owner, admin) => change(owner, 'DELETE', `${path}/members/${admin}`)],
    demoted: [
      missing,
      (path, owner, admin) => change(owner, 'PATCH', `${path}/members/${admin}`, { roles: ['Agent'] }),
    ],
    'disabled by an operator': [
      closed,
      (_path, _owner, admin) => change(operator, 'POST', `/v1/platform/users/${admin}/disable`),
    ],
  }
  for (const [name, [refusal, end]] of Object.entries(enders)) {
    const { tenant_id, path, owner } = await scene()
    const [admin, accomplice] = [await newUser(), await newUser()]
    await joinTenant(gateway, owner.headers, tenant_id, { user_id: admin.id, roles: ['Admin'] })
    await respond(tenant_id, 'accept', admin)
    await change(admin.headers, 'POST', `${path}/members`, { user_id: accomplice.id, roles: ['Admin'] })
    await end(path, owner.headers, admin.id)
    t.match(await respond(tenant_id, 'accept', accomplice), refusal, name)
    t.match(await ask(gateway, path, { headers: accomplice.headers }), denied, name)
  }
})

// Attack: a manager with few scopes lets a user accept the roles that a manager with more scopes had offered before.
t.test('403 a member who changes the roles of an offer must be able to make all of it', async (t) => {
  const { tenant_id, path, owner, user } = await scene(['Analyst'])
  const manager = await newUser()
  const role = await change(owner.headers, 'POST', `${path}/roles`, { name: 'Manager', scopes: ['users:manage'] })
  await joinTenant(gateway, owner.headers, tenant_id, { user_id: manager.id, roles: [role.name] })
  const patch = (roles: string[]) =>
    ask(gateway, `${path}/members/${user.id}`, { method: 'PATCH', headers: manager.headers, body: { roles } })
  t.match(await patch(['Analyst', 'Manager']), { status: 403, body: { code: 'privilege_escalation' } })
  t.equal((await patch(['Manager'])).status, 200)
  t.match(await respond(tenant_id, 'accept', user), { status: 200, body: { roles: ['Manager'] } })
})

t.test('an operator makes a tenant that nobody can use until its owner accepts', async (t) => {
  const owner = await newUser()
  const { id } = await change(operator, 'POST', '/v1/platform/tenants', { name: 'Ordered', owner_id: owner.id })
  t.match(await ask(gateway, `/v1/tenants/${id}`, { headers: owner.headers }), denied)
  t.match(await profile(owner), { memberships: [], pending_memberships: [{ tenant: { id }, roles: ['Owner'] }] })
  const overview = await ask(gateway, '/v1/platform/analytics/tenants', { headers: operator })
  t.ok(overview.status < 300)
  await change(operator, 'POST', `/v1/platform/tenants/${id}/suspend`, { reason: 'a test' })
  t.match(await respond(id, 'accept', owner), closed, 'suspended')
  await change(operator, 'POST', `/v1/platform/tenants/${id}/activate`)
  await change(operator, 'POST', `/v1/platform/tenants/${id}/lockdown`)
  t.equal((await respond(id, 'accept', owner)).status, 200, 'a lockdown leaves the offer of the platform')
  t.equal((await ask(gateway, `/v1/tenants/${id}/members`, { headers: owner.headers })).status, 200)
})
