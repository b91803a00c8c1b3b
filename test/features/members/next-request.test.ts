import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, login } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const agent = await world.as('agent')
const list = async () => {
  const { status, body } = await ask(gateway, '/v1/customers', { headers: agent })
  return status === 200 ? 200 : `${status} ${body.code}`
}
const patch = async (body: unknown) =>
  ask(gateway, `/v1/tenants/${acme.id}/members/${ids.agent}`, {
    method: 'PATCH',
    headers: await world.bearer('owner'),
    body,
  })
const platform = async (path: string, body?: unknown) =>
  ask(gateway, `/v1/platform/${path}`, { method: 'POST', headers: await world.bearer('operator'), body })

// Attack: uses a removed right with a token or a key that was valid before, from a cache or on another replica.
t.test('a change of roles is in force at the next request, and so is its reversal', async (t) => {
  t.equal(await list(), 200)
  t.equal((await patch({ roles: ['Analyst'] })).status, 200)
  t.equal(await list(), '403 insufficient_scope')
  t.equal((await patch({ roles: ['Agent'] })).status, 200)
  t.equal(await list(), 200)
})

t.test('a membership is refused at once when it is disabled, and accepted again at once when active', async (t) => {
  t.equal((await patch({ state: 'disabled' })).status, 200)
  t.equal(await list(), '403 tenant_access_denied')
  t.equal((await patch({ state: 'active' })).status, 200)
  t.equal(await list(), 200)
})

t.test('a deny overrides every role including Owner, a grant adds a scope, and both can be removed', async (t) => {
  const owner = await world.as('owner')
  const keys = `/v1/tenants/${acme.id}/keys`
  await gateway.sql(`
    insert into overrides values ('${acme.id}', '${ids.owner}', 'conversations:view', 'deny', 'test', now());
    insert into overrides values ('${acme.id}', '${ids.owner}', 'keys:manage', 'deny', 'test', now());
    insert into overrides values ('${acme.id}', '${ids.agent}', 'keys:manage', 'grant', 'test', now())`)
  const denied = await ask(gateway, '/v1/customers', { headers: owner })
  t.match(denied, {
    status: 403,
    body: { code: 'insufficient_scope', missing: ['conversations:view'], denied_by_override: ['conversations:view'] },
  })
  t.match(denied.body.detail, /override on this membership denies conversations:view/)
  t.equal((await ask(gateway, keys, { headers: owner })).status, 403)
  t.equal((await ask(gateway, keys, { headers: await world.bearer('agent') })).status, 200, 'the granted scope')
  await gateway.sql(`delete from overrides`)
  t.equal((await ask(gateway, '/v1/customers', { headers: owner })).status, 200)
  t.equal((await ask(gateway, keys, { headers: owner })).status, 200)
  t.equal((await ask(gateway, keys, { headers: await world.bearer('agent') })).status, 403)
})

t.test('a custom role grants its scopes and no others, and a deny overrides it', async (t) => {
  await gateway.sql(`insert into roles (tenant_id, id, name, scopes, created_at)
    values ('${acme.id}', gen_random_uuid(), 'Reader', '{conversations:view}', now())`)
  t.equal((await patch({ roles: ['Reader'] })).status, 200)
  t.equal(await list(), 200)
  const edit = await ask(gateway, '/v1/customers', { headers: agent, body: { name: 'No' } })
  t.match(edit, {
    status: 403,
    body: { missing: ['customers:edit'], granted_by_roles: ['Owner', 'Admin', 'Support Lead', 'Agent'] },
  })
  await gateway.sql(`update roles set scopes = '{conversations:view,customers:edit}' where name = 'Reader'`)
  t.equal((await ask(gateway, '/v1/customers', { headers: agent, body: { name: 'Yes' } })).status, 201)
  await gateway.sql(
    `insert into overrides values ('${acme.id}', '${ids.agent}', 'customers:edit', 'deny', 'test', now())`,
  )
  t.equal((await ask(gateway, '/v1/customers', { headers: agent, body: { name: 'No' } })).status, 403)
  await gateway.sql(`delete from overrides; update roles set scopes = '{}' where name = 'Reader'`)
  t.equal(await list(), '403 insufficient_scope')
  t.equal((await patch({ roles: ['Agent'] })).status, 200)
})

t.test('403 a suspended tenant is refused for keys and users until it is activated', async (t) => {
  const integration = keyHeaders({ id: acme.id, key: acme.integration_key })
  const asked = async () => [
    await list(),
    (await ask(gateway, '/v1/customers', { headers: integration })).status,
    (await ask(gateway, `/v1/tenants/${acme.id}`, { headers: await world.bearer('owner') })).status,
  ]
  t.same(await asked(), [200, 200, 200])
  t.equal((await platform(`tenants/${acme.id}/suspend`, { reason: 'test' })).status, 200)
  t.same(await asked(), ['403 tenant_suspended', 403, 403])
  t.equal((await ask(gateway, '/v1/me', { headers: await world.bearer('owner') })).status, 200, 'a user can log in')
  t.equal((await platform(`tenants/${acme.id}/activate`)).status, 200)
  t.same(await asked(), [200, 200, 200])
})

t.test('401 a revoked key is refused at the next request, with any user', async (t) => {
  const owner = await world.bearer('owner')
  const made = await ask(gateway, `/v1/tenants/${acme.id}/keys`, { headers: owner, body: { name: 'Short-lived' } })
  const headers = { ...agent, ...keyHeaders({ id: acme.id, key: made.body.key }) }
  t.equal((await ask(gateway, '/v1/customers', { headers })).status, 200)
  const path = `/v1/tenants/${acme.id}/keys/${made.body.id}`
  t.equal((await ask(gateway, path, { method: 'DELETE', headers: owner })).status, 204)
  t.match(await ask(gateway, '/v1/customers', { headers }), {
    status: 401,
    body: { code: 'invalid_tenant_credentials' },
  })
})

t.test('401 a disabled user is refused at once, in every session and at login', async (t) => {
  const { access, refresh } = await login(gateway, 'agent')
  const other = { ...agent, authorization: `Bearer ${access}` }
  t.equal((await ask(gateway, '/v1/customers', { headers: other })).status, 200)
  t.equal((await platform(`users/${ids.agent}/disable`)).status, 200)
  t.equal(await list(), '401 invalid_token')
  t.match(await ask(gateway, '/v1/customers', { headers: other }), { status: 401, body: { code: 'invalid_token' } })
  t.equal((await ask(gateway, '/v1/me', { headers: other })).status, 401)
  const again = await ask(gateway, '/v1/auth/refresh', { body: { refresh } })
  t.match(again, { status: 401, body: { code: 'invalid_refresh_token' } })
  await t.rejects(login(gateway, 'agent'), { message: /invalid_credentials/ })
})
