import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const path = `/v1/tenants/${acme.id}/members`
const patch = async (user_id: string, body: unknown, person: Person) =>
  ask(gateway, `${path}/${user_id}`, { method: 'PATCH', headers: await world.bearer(person), body })
const add = async (body: unknown, person: Person) => ask(gateway, path, { headers: await world.bearer(person), body })
const override = (user_id: string, scope: string, effect: 'grant' | 'deny') =>
  gateway.sql(`insert into overrides values ('${acme.id}', '${user_id}', '${scope}', '${effect}', 'test', now())`)
const rolesOf = (user_id: string) =>
  gateway.sql(
    `select r.name from membership_roles m join roles r on r.id = m.role_id where m.user_id = '${user_id}' order by 1`,
  )

/** The lead can manage members here, and has no other scope beyond the role Support Lead. */
await override(ids.lead, 'users:manage', 'grant')

// Attack: a manager of members gives themselves or an accomplice more scopes than their own.
t.test('403 a member cannot grant a scope that they do not have, and the problem lists such scopes', async (t) => {
  const exceeding = {
    status: 403,
    body: { code: 'privilege_escalation', exceeding_scopes: ['analytics:view', 'audit:view'] },
  }
  t.match(await patch(ids.agent, { roles: ['Agent', 'Analyst'] }, 'lead'), exceeding, 'to another member')
  t.match(await patch(ids.lead, { roles: ['Support Lead', 'Analyst'] }, 'lead'), exceeding, 'to themselves')
  const { id } = await makeUser(gateway, world)
  t.match(await add({ user_id: id, roles: ['Analyst'] }, 'lead'), exceeding, 'to a new member')
  t.same(await rolesOf(ids.agent), [{ name: 'Agent' }])
  t.same(await rolesOf(ids.lead), [{ name: 'Support Lead' }])
  for (const role of ['Admin', 'Owner']) {
    const answer = await patch(ids.lead, { roles: [role] }, 'lead')
    t.match(answer, { status: 403, body: { code: 'privilege_escalation' } }, role)
    t.ok(answer.body.exceeding_scopes.includes('keys:manage'))
  }
  t.equal((await patch(ids.agent, { roles: ['Support Lead'] }, 'lead')).status, 200, 'scopes that the granter has')
  t.equal((await patch(ids.agent, { roles: ['Agent'] }, 'lead')).status, 200)
})

t.test('200 403 keeping or removing a role is not a grant', async (t) => {
  t.equal((await patch(ids.analyst, { roles: ['Analyst', 'Agent'] }, 'lead')).status, 200, 'Analyst is not new')
  t.equal((await patch(ids.analyst, { roles: ['Agent'] }, 'lead')).status, 200)
  t.equal((await patch(ids.analyst, { roles: ['Analyst'] }, 'lead')).status, 403, 'this change grants Analyst')
  t.equal((await patch(ids.analyst, { roles: ['Analyst'] }, 'owner')).status, 200)
})

// Attack: activates a disabled member to give them scopes. An activation is a grant of all their roles.
t.test('403 activating a member is a grant of all their roles', async (t) => {
  t.equal((await patch(ids.analyst, { state: 'disabled' }, 'lead')).status, 200)
  const answer = await patch(ids.analyst, { state: 'active' }, 'lead')
  t.match(answer, {
    status: 403,
    body: { code: 'privilege_escalation', exceeding_scopes: ['analytics:view', 'audit:view'] },
  })
  t.match(await patch(ids.analyst, { state: 'active', roles: ['Agent'] }, 'lead'), {
    status: 200,
    body: { roles: ['Agent'] },
  })
  t.equal((await patch(ids.analyst, { roles: ['Analyst'] }, 'owner')).status, 200)
})

// Attack: an Admin becomes Owner, makes an accomplice Owner, or removes an Owner.
t.test('403 only an Owner can make an Owner, and only an Owner can change one', async (t) => {
  const made = await patch(ids.agent, { roles: ['Owner'] }, 'admin')
  t.match(made, { status: 403, body: { code: 'privilege_escalation', exceeding_roles: ['Owner'] } })
  t.match(await patch(ids.admin, { roles: ['Admin', 'Owner'] }, 'admin'), {
    status: 403,
    body: { code: 'privilege_escalation' },
  })
  for (const change of [{ roles: ['Admin'] }, { state: 'disabled' }, { state: 'active' }, { roles: ['Owner'] }]) {
    const answer = await patch(ids.owner, change, 'admin')
    t.match(answer, { status: 403, body: { code: 'owner_required' } }, JSON.stringify(change))
  }
  t.same(await rolesOf(ids.owner), [{ name: 'Owner' }])
})

// Attack: creates a custom role with a name like Owner, or with every scope.
t.test('403 only the system role makes an Owner, not a similar name and not every scope', async (t) => {
  await gateway.sql(`insert into roles (tenant_id, id, name, scopes, created_at)
    select '${acme.id}', gen_random_uuid(), 'Owner of all', array['users:manage'], now()`)
  t.equal((await patch(ids.agent, { roles: ['Owner of all'] }, 'admin')).status, 200)
  t.match(await patch(ids.owner, { roles: [] }, 'agent'), { status: 403, body: { code: 'owner_required' } })
  t.match(await patch(ids.agent, { roles: ['Agent'] }, 'agent'), {
    status: 403,
    body: { code: 'privilege_escalation' },
  })
  t.equal((await patch(ids.agent, { roles: ['Agent'] }, 'owner')).status, 200)
})

// Attack: an Owner grants a scope to another member although an override denies it to the Owner.
t.test('403 an Owner cannot grant a scope that an override denies them', async (t) => {
  await override(ids.owner, 'audit:view', 'deny')
  const answer = await patch(ids.agent, { roles: ['Analyst'] }, 'owner')
  t.match(answer, { status: 403, body: { code: 'privilege_escalation', exceeding_scopes: ['audit:view'] } })
  await gateway.sql(`delete from overrides where user_id = '${ids.owner}'`)
})

t.test('403 a key cannot get a scope that its creator does not have', async (t) => {
  await override(ids.lead, 'keys:manage', 'grant')
  const create = async (scopes: string[]) =>
    ask(gateway, `/v1/tenants/${acme.id}/keys`, { headers: await world.bearer('lead'), body: { name: 'Key', scopes } })
  const answer = await create(['customers:edit', 'audit:view', 'settings:manage'])
  t.match(answer, {
    status: 403,
    body: { code: 'privilege_escalation', exceeding_scopes: ['audit:view', 'settings:manage'] },
  })
  t.equal((await create(['customers:edit'])).status, 201)
})

// Attack: a member with every scope of today makes an Admin, who would also get every future scope.
t.test('403 only an Owner or an Admin can make an Admin, even if another member has every scope', async (t) => {
  const every = (await ask(gateway, `/v1/tenants/${acme.id}/scopes`, { headers: await world.bearer('owner') })).body
    .data
  const scopes = every.map(({ scope }: { scope: string }) => `'${scope}'`).join()
  await gateway.sql(`insert into roles (tenant_id, id, name, scopes, created_at)
    select '${acme.id}', gen_random_uuid(), 'Everything of today', array[${scopes}], now()`)
  t.equal((await patch(ids.lead, { roles: ['Everything of today'] }, 'owner')).status, 200)
  t.match(await patch(ids.agent, { roles: ['Admin'] }, 'lead'), {
    status: 403,
    body: { code: 'privilege_escalation', exceeding_scopes: [], exceeding_roles: ['Admin'] },
  })
  t.equal(
    (await patch(ids.agent, { roles: ['Everything of today'] }, 'lead')).status,
    200,
    'scopes that the granter has',
  )
  t.equal((await patch(ids.agent, { roles: ['Admin'] }, 'admin')).status, 200)
  t.equal((await patch(ids.agent, { roles: ['Agent'] }, 'owner')).status, 200)
  t.equal((await patch(ids.lead, { roles: ['Support Lead'] }, 'owner')).status, 200)
})
