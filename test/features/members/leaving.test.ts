import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { addMember } from '../../helpers/members.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, PASSWORD, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const tenant = `/v1/tenants/${acme.id}`
const as = async (person: Person, method: string, path: string, body?: unknown) =>
  ask(gateway, path, { method, headers: await world.bearer(person), body })

/** Creates a member of Acme, and logs them in. */
async function newMember(role: string) {
  const user = await makeUser(gateway, world)
  await addMember(gateway, acme.id, user.id, [role])
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email: user.email, password: PASSWORD } })
  const headers = { authorization: `Bearer ${body.access}` }
  const path = `${tenant}/members/${user.id}`
  return { ...user, headers, path, leave: () => ask(gateway, path, { method: 'DELETE', headers }) }
}

t.test('204 a member leaves without any scope, and the next request is refused; the audit says who left', async (t) => {
  const member = await newMember('Analyst')
  t.equal((await member.leave()).status, 204)
  const denied = { status: 403, body: { code: 'tenant_access_denied' } }
  t.match(await ask(gateway, tenant, { headers: member.headers }), denied)
  t.match(await member.leave(), denied, 'a second request')
  const { body } = await as('owner', 'GET', `${tenant}/audit-events?action=member.left`)
  t.match(body.data, [
    {
      actor_kind: 'user',
      actor_id: member.id,
      actor_name: 'Somebody',
      target_kind: 'member',
      target_id: member.id,
      changes: { before: { state: 'active', roles: ['Analyst'] } },
    },
  ])
  t.equal((await as('owner', 'GET', member.path)).status, 404)
})

t.test('204 an Admin who leaves takes their offers along', async (t) => {
  const admin = await newMember('Admin')
  const { id } = await makeUser(gateway, world)
  const body = { user_id: id, roles: ['Agent'] }
  const offered = await ask(gateway, `${tenant}/members`, { headers: admin.headers, body })
  t.equal(offered.status, 201, offered.text)
  t.equal((await admin.leave()).status, 204)
  const { body: events } = await as('owner', 'GET', `${tenant}/audit-events?action=member.left&limit=1`)
  t.match(events.data[0].changes, { withdrawn_memberships: [id] })
})

t.test('409 the last Owner cannot leave; an Owner can if there is another one', async (t) => {
  const path = `${tenant}/members/${ids.owner}`
  t.match(await as('owner', 'DELETE', path), { status: 409, body: { code: 'last_owner' } })
  const second = await newMember('Owner')
  t.equal((await second.leave()).status, 204)
  t.match(await as('owner', 'DELETE', path), { status: 409, body: { code: 'last_owner' } })
})

// Attack: a member without users:manage names another member, or another spelling of their own id.
t.test('403 a member without users:manage removes nobody else', async (t) => {
  const refused = { status: 403, body: { code: 'insufficient_scope', missing: ['users:manage'] } }
  const others = [ids.lead, ids.owner, ids.pending, ids.stranger, ids.agent.toUpperCase(), `${ids.agent}%20`, 'x']
  for (const id of others) t.match(await as('agent', 'DELETE', `${tenant}/members/${id}`), refused, id)
  t.equal((await as('agent', 'GET', tenant)).status, 200)
})

// Attack: a user who is no active member acts on the membership that their own id names.
t.test('403 a pending or a disabled member, and a member of another tenant, cannot leave', async (t) => {
  const denied = { status: 403, body: { code: 'tenant_access_denied' } }
  for (const person of ['pending', 'disabled', 'stranger'] as const) {
    t.match(await as(person, 'DELETE', `${tenant}/members/${ids[person]}`), denied, person)
  }
  const theirs = `/v1/tenants/${globex.id}/members/${ids.agent}`
  t.match(await as('agent', 'DELETE', theirs), denied)
})

t.test('200 every member reads the roles; 403 no member without users:manage changes one', async (t) => {
  const { body } = await as('owner', 'GET', `${tenant}/roles`)
  for (const person of ['analyst', 'agent', 'lead'] as const) {
    t.same((await as(person, 'GET', `${tenant}/roles`)).body, body, person)
    t.match(await as(person, 'GET', `${tenant}/roles/${body.data[0].id}`), { status: 200, body: { name: 'Owner' } })
    t.equal((await as(person, 'POST', `${tenant}/roles`, { name: 'Mine', scopes: [] })).status, 403, person)
  }
  t.equal((await as('stranger', 'GET', `${tenant}/roles`)).status, 403)
})

t.test('200 a member lists their own overrides; 403 those of others, and no changes', async (t) => {
  const own = `${tenant}/members/${ids.agent}/overrides`
  const wish = { effect: 'grant', reason: 'covers for Arthur' }
  t.equal((await as('owner', 'PUT', `${own}/audit:view`, wish)).status, 200)
  t.match(await as('agent', 'GET', own), { status: 200, body: { data: [{ scope: 'audit:view', ...wish }] } })
  const refused = { status: 403, body: { code: 'insufficient_scope' } }
  t.match(await as('lead', 'GET', own), refused)
  t.match(await as('agent', 'GET', `${tenant}/members/${ids.lead}/overrides`), refused)
  t.match(await as('agent', 'PUT', `${own}/keys:manage`, wish), refused)
  t.match(await as('agent', 'DELETE', `${own}/audit:view`), refused)
})

t.test('200 access/explain says that a member may act on themselves, and not on others', async (t) => {
  const explain = async (method: string, path: string, user_id?: string) =>
    (await as('agent', 'POST', `${tenant}/access/explain`, { method, path, user_id })).body
  t.match(await explain('DELETE', `${tenant}/members/${ids.agent}`), { allowed: true, required: [] })
  t.match(await explain('GET', `${tenant}/members/${ids.agent}/overrides?limit=1`), { allowed: true })
  t.match(await explain('DELETE', `${tenant}/members/${ids.lead}`), {
    allowed: false,
    required: ['users:manage'],
    missing: ['users:manage'],
  })
})
