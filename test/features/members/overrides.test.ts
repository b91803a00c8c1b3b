import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world

interface Wish {
  readonly person?: Person
  readonly effect?: string
  readonly reason?: string
  readonly method?: string
  readonly tenant_id?: string
}
const at = async (
  user_id: string,
  scope: string,
  { person = 'owner', effect, method, tenant_id = acme.id, reason = 'a test' }: Wish = {},
) =>
  ask(gateway, `/v1/tenants/${tenant_id}/members/${user_id}/overrides${scope === '' ? '' : `/${scope}`}`, {
    method: method ?? 'PUT',
    headers: await world.bearer(person),
    body: effect === undefined ? undefined : { effect, reason },
  })
const grant = (user_id: string, scope: string, person?: Person) => at(user_id, scope, { effect: 'grant', person })
const deny = (user_id: string, scope: string, person?: Person) => at(user_id, scope, { effect: 'deny', person })
const remove = (user_id: string, scope: string, person?: Person) => at(user_id, scope, { method: 'DELETE', person })
const list = (user_id: string) => at(user_id, '', { method: 'GET' })
const customers = async (person: Person) => ask(gateway, '/v1/customers', { headers: await world.as(person) })
const audit = async (person: Person) =>
  ask(gateway, `/v1/tenants/${acme.id}/audit-events`, { headers: await world.bearer(person) })

t.test('200 204 a grant adds a scope, a deny removes one, and removing the override undoes it at once', async (t) => {
  t.equal((await audit('agent')).status, 403)
  const granted = await grant(ids.agent, 'audit:view')
  t.match(granted, { status: 200, body: { scope: 'audit:view', effect: 'grant', reason: 'a test', created_at: /Z$/ } })
  t.equal((await audit('agent')).status, 200)
  t.equal((await customers('agent')).status, 200)
  t.equal((await deny(ids.agent, 'conversations:view')).status, 200)
  t.match(await customers('agent'), { status: 403, body: { denied_by_override: ['conversations:view'] } })
  t.match((await list(ids.agent)).body.data, [{ scope: 'audit:view' }, { scope: 'conversations:view', effect: 'deny' }])
  t.equal((await deny(ids.agent, 'audit:view')).status, 200, 'a new override replaces the old one')
  t.equal((await audit('agent')).status, 403)
  t.equal((await list(ids.agent)).body.data.length, 2)
  for (const scope of ['audit:view', 'conversations:view']) t.equal((await remove(ids.agent, scope)).status, 204)
  t.equal((await customers('agent')).status, 200)
  t.equal((await audit('agent')).status, 403)
  t.match(await remove(ids.agent, 'audit:view'), { status: 404, body: { code: 'not_found' } }, 'a removed override')
  const told = await gateway.sql(`select action, changes from audit_events where target_kind = 'override' order by seq`)
  t.match(told, [
    { action: 'override.set', changes: { before: null, after: { effect: 'grant', reason: 'a test' } } },
    { action: 'override.set' },
    { action: 'override.set', changes: { before: { effect: 'grant' }, after: { effect: 'deny' } } },
    { action: 'override.removed', changes: { before: { effect: 'deny' } } },
    { action: 'override.removed' },
  ])
})

t.test('403 a deny overrides every role, every grant and the Owner role', async (t) => {
  t.equal((await deny(ids.owner, 'conversations:view')).status, 200)
  t.match(await customers('owner'), {
    status: 403,
    body: { missing: ['conversations:view'], denied_by_override: ['conversations:view'] },
  })
  t.match(await remove(ids.owner, 'conversations:view', 'admin'), { status: 403, body: { code: 'owner_required' } })
  // An Owner with a denied scope does not have it, so they cannot grant it to themselves.
  t.match(await remove(ids.owner, 'conversations:view'), {
    status: 403,
    body: { exceeding_scopes: ['conversations:view'] },
  })
  t.match(await grant(ids.owner, 'conversations:view'), { status: 403, body: { code: 'privilege_escalation' } })
  t.equal((await customers('owner')).status, 403)
  await gateway.sql(`delete from overrides where user_id = '${ids.owner}'`)
})

// Attack: a manager of members grants, or restores, a scope that they do not have.
t.test('403 a member cannot grant a scope, or remove the deny of a scope, that they do not have', async (t) => {
  t.equal((await grant(ids.lead, 'users:manage')).status, 200)
  const refused = { status: 403, body: { code: 'privilege_escalation', exceeding_scopes: ['keys:manage'] } }
  t.match(await grant(ids.agent, 'keys:manage', 'lead'), refused)
  t.match(await grant(ids.lead, 'keys:manage', 'lead'), refused, 'to themselves')
  t.equal((await deny(ids.agent, 'keys:manage', 'lead')).status, 200, 'a deny is not a grant')
  t.match(await remove(ids.agent, 'keys:manage', 'lead'), refused, 'the removal of a deny is a grant')
  t.match(await grant(ids.agent, 'keys:manage', 'lead'), refused, 'the replacement of a deny is a grant')
  t.equal((await remove(ids.agent, 'keys:manage')).status, 204)
  t.match(await deny(ids.owner, 'users:manage', 'lead'), { status: 403, body: { code: 'owner_required' } })
  t.match(await grant(ids.agent, 'audit:view', 'agent'), { status: 403, body: { missing: ['users:manage'] } })
  t.equal((await grant(ids.agent, 'customers:edit', 'lead')).status, 200, 'a scope that the granter has')
  t.equal((await grant(ids.analyst, 'keys:manage')).status, 200)
  const state = async (value: string, person: Person) =>
    ask(gateway, `/v1/tenants/${acme.id}/members/${ids.analyst}`, {
      method: 'PATCH',
      headers: await world.bearer(person),
      body: { state: value, roles: ['Agent'] },
    })
  t.equal((await state('disabled', 'lead')).status, 200)
  t.match(await state('active', 'lead'), refused, 'an activation restores the granted scopes')
  t.equal((await state('active', 'owner')).status, 200)
})

t.test('404 a user without a membership in the tenant gets the response of an unknown id', async (t) => {
  for (const id of [ids.other_owner, ids.stranger, '00000000-0000-4000-8000-000000000000']) {
    for (const answer of [await list(id), await grant(id, 'audit:view'), await remove(id, 'audit:view')]) {
      t.match(answer, { status: 404, body: { code: 'not_found' } })
    }
  }
  const elsewhere = await at(ids.agent, 'audit:view', { effect: 'deny', person: 'other_owner', tenant_id: globex.id })
  t.match(elsewhere, { status: 404, body: { code: 'not_found' } }, 'by the Owner of another tenant')
  const foreign = await at(ids.agent, 'audit:view', { effect: 'deny', person: 'other_owner' })
  t.match(foreign, { status: 403, body: { code: 'tenant_access_denied' } })
})

t.test('404 an unknown scope, 400 an invalid effect, an empty or too long reason', async (t) => {
  for (const scope of [
    'platform:tenants:manage',
    'audit:*',
    'Audit:view',
    'audit%3Aview%20',
    '__proto__',
    'constructor',
  ]) {
    t.match(await grant(ids.agent, scope), { status: 404, body: { code: 'not_found' } }, scope)
  }
  for (const wish of [
    { effect: 'allow' },
    { effect: 'grant', reason: '' },
    { effect: 'grant', reason: 'x'.repeat(501) },
  ]) {
    t.equal((await at(ids.agent, 'audit:view', wish)).status, 400, JSON.stringify(wish))
  }
  t.equal((await grant('x', 'audit:view')).status, 404, 'a malformed user id')
  t.strictSame((await list(ids.agent)).body.data.length, 1, 'no override was stored')
})

// A tenant must have an Owner who can manage users, or no member could assign a role or remove the deny.
t.test('409 the last Owner who can manage users cannot be denied that scope', async (t) => {
  t.match(await deny(ids.owner, 'users:manage'), { status: 409, body: { code: 'last_owner' } })
  const member = (person: Person, body: object) =>
    world
      .bearer('owner')
      .then((headers) =>
        ask(gateway, `/v1/tenants/${acme.id}/members/${ids[person]}`, { method: 'PATCH', headers, body }),
      )
  t.equal((await member('lead', { roles: ['Owner'] })).status, 200)
  t.equal((await deny(ids.lead, 'users:manage')).status, 200, 'another Owner can manage users')
  t.match(await member('owner', { roles: ['Admin'] }), { status: 409, body: { code: 'last_owner' } }, 'the last Owner')
  t.equal((await remove(ids.lead, 'users:manage')).status, 204)
  t.equal((await member('lead', { roles: ['Support Lead'] })).status, 200)
})
