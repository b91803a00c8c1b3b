import { startGateway } from '../../helpers/gateway.js'
import { acceptMembership } from '../../helpers/members.js'
import { ask, untilDecided } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const member = async (user_id: string, method: string, person: Person, body?: unknown, tenant_id = acme.id) =>
  ask(gateway, `/v1/tenants/${tenant_id}/members/${user_id}`, { method, headers: await world.bearer(person), body })
const owners = async () =>
  (
    await gateway.sql(`select m.user_id from memberships m join membership_roles mr using (tenant_id, user_id)
      join roles r on r.tenant_id = mr.tenant_id and r.id = mr.role_id
      where m.tenant_id = '${acme.id}' and m.state = 'active' and r.system_role = 'owner'`)
  ).map(({ user_id }) => String(user_id))

t.test('204 a removed member is refused at the next request, and loses their roles and overrides', async (t) => {
  const override = `/v1/tenants/${acme.id}/members/${ids.agent}/overrides/audit:view`
  const headers = await world.bearer('owner')
  t.equal(
    (await ask(gateway, override, { method: 'PUT', headers, body: { effect: 'grant', reason: 'test' } })).status,
    200,
  )
  t.equal((await ask(gateway, '/v1/customers', { headers: await world.as('agent') })).status, 200)
  t.match(await member(ids.agent, 'GET', 'owner'), { status: 200, body: { user_id: ids.agent, roles: ['Agent'] } })
  t.equal((await member(ids.agent, 'DELETE', 'owner')).status, 204)
  const denied = { status: 403, body: { code: 'tenant_access_denied' } }
  t.match(await ask(gateway, '/v1/customers', { headers: await world.as('agent') }), denied)
  t.match(await ask(gateway, `/v1/tenants/${acme.id}`, { headers: await world.bearer('agent') }), denied)
  t.strictSame((await ask(gateway, '/v1/me', { headers: await world.bearer('agent') })).body.memberships, [])
  t.equal((await member(ids.agent, 'GET', 'owner')).status, 404)
  t.equal((await member(ids.agent, 'DELETE', 'owner')).status, 404, 'a removed member')
  const added = await ask(gateway, `/v1/tenants/${acme.id}/members`, {
    headers,
    body: { user_id: ids.agent, roles: ['Agent'] },
  })
  t.equal(added.status, 201)
  const pending = await ask(gateway, '/v1/customers', { headers: await world.as('agent') })
  t.equal(pending.status, 403, 'the consent to the removed membership is not a consent to the new one')
  await acceptMembership(gateway, acme.id, ids.agent)
  t.equal((await ask(gateway, '/v1/customers', { headers: await world.as('agent') })).status, 200, 'a new membership')
  t.equal(
    (await ask(gateway, `/v1/tenants/${acme.id}/audit-events`, { headers: await world.bearer('agent') })).status,
    403,
  )
})

// Attack: an Admin removes an Owner, or a tenant removes a member of another.
t.test('403 only an Owner can remove an Owner, 404 a member of another tenant', async (t) => {
  t.match(await member(ids.owner, 'DELETE', 'admin'), { status: 403, body: { code: 'owner_required' } })
  t.match(await member(ids.agent, 'DELETE', 'lead'), { status: 403, body: { missing: ['users:manage'] } })
  t.match(await member(ids.owner, 'DELETE', 'owner'), { status: 409, body: { code: 'last_owner' } })
  for (const id of [ids.other_owner, ids.stranger]) {
    t.match(await member(id, 'DELETE', 'owner'), { status: 404, body: { code: 'not_found' } })
  }
  t.match(await member(ids.agent, 'DELETE', 'other_owner', undefined, globex.id), { status: 404 })
  t.equal((await gateway.sql(`select from memberships where tenant_id = '${globex.id}'`)).length, 1)
  t.strictSame(await owners(), [ids.owner])
})

// Two concurrent removals must not each count the Owner that the other removes.
t.test('200 204 of 100 concurrent requests that remove the last two Owners, exactly one Owner is left', async (t) => {
  await Promise.all([world.bearer('owner'), world.bearer('admin')])
  t.equal((await member(ids.admin, 'PATCH', 'owner', { roles: ['Owner'] })).status, 200)
  t.equal((await owners()).length, 2)
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, number) => {
      const victim = number % 2 === 0 ? ids.owner : ids.admin
      const by = number % 4 < 2 ? 'owner' : 'admin'
      const change = number % 3 === 1 ? { roles: ['Admin'] } : { state: 'disabled' }
      return untilDecided(() => (number % 3 === 0 ? member(victim, 'DELETE', by) : member(victim, 'PATCH', by, change)))
    }),
  )
  t.equal((await owners()).length, 1)
  t.ok(answers.some(({ status }) => status === 200 || status === 204))
  t.strictSame(
    [...new Set(answers.map(({ status }) => status))].filter((status) => ![200, 204, 403, 404, 409].includes(status)),
    [],
  )
})
