import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'

const gateway = await startGateway({ env: { BUDGET_TENANT: '500/60' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const asked = async (headers: Record<string, string>) => ask(gateway, '/v1/access', { headers })
const override = (scope: string, effect: string) =>
  gateway.sql(`insert into overrides values ('${acme.id}', '${ids.agent}', '${scope}', '${effect}', 'test', now())`)

t.test('200 a user sees their tenant, their key, and the source of each of their scopes', async (t) => {
  await gateway.sql(`
    insert into roles (tenant_id, id, name, scopes, created_at)
      values ('${acme.id}', gen_random_uuid(), 'Reader', '{conversations:view,audit:view}', now());
    insert into membership_roles select tenant_id, '${ids.agent}', id from roles where name = 'Reader'`)
  await override('agents:view', 'grant')
  await override('conversations:view', 'grant')
  await override('customers:edit', 'deny')
  await override('keys:manage', 'deny')
  const answer = await asked(await world.as('agent'))
  t.equal(answer.status, 200, answer.text)
  const { principal, key, tenant, roles, scopes, denied } = answer.body
  t.same(principal, { kind: 'user', id: ids.agent })
  t.same(tenant, { id: acme.id, name: 'Acme ACMEMARK' })
  t.match(key, { id: acme.key.slice(4, 16), name: 'First key', expires_at: null })
  t.same([...roles].sort(), ['Agent', 'Reader'])
  t.same(denied.sort(), ['customers:edit', 'keys:manage'])
  const from = Object.fromEntries(
    scopes.map((each: { scope: string; from: object[] }) => [
      each.scope,
      each.from.map((one) => JSON.stringify(one)).sort(),
    ]),
  )
  t.same(from, {
    'conversations:view': ['{"override":"grant"}', '{"role":"Agent"}', '{"role":"Reader"}'],
    'conversations:reply': ['{"role":"Agent"}'],
    'audit:view': ['{"role":"Reader"}'],
    'agents:view': ['{"override":"grant"}'],
  })
})

t.test('the listed scopes are the scopes in force: a listed scope opens its routes, another does not', async (t) => {
  const headers = await world.as('agent')
  const held = (await asked(headers)).body.scopes.map(({ scope }: { scope: string }) => scope)
  t.equal((await ask(gateway, '/v1/customers', { headers })).status, held.includes('conversations:view') ? 200 : 403)
  const edit = await ask(gateway, '/v1/customers', { headers, body: { name: 'X' } })
  t.equal(held.includes('customers:edit'), false)
  t.match(edit, { status: 403, body: { denied_by_override: ['customers:edit'] } })
})

// Attack: combines a user and a key to use the scopes of both.
t.test('200 a key without a user has its own scopes; with a user, the scopes of the key do not count', async (t) => {
  const integration = keyHeaders({ id: acme.id, key: acme.integration_key })
  const alone = await asked(integration)
  t.match(alone.body, {
    principal: { kind: 'key', id: acme.integration_key_id },
    roles: [],
    denied: [],
    scopes: [
      { scope: 'conversations:view', from: [{ key: true }] },
      { scope: 'customers:edit', from: [{ key: true }] },
    ],
  })
  const plain = await asked(keyHeaders(acme))
  t.match(plain.body, { principal: { kind: 'key' }, scopes: [] })
  const beside = await asked({ ...(await world.bearer('analyst')), ...integration })
  t.same(beside.body.scopes.map(({ scope }: { scope: string }) => scope).sort(), ['analytics:view', 'audit:view'])
})

t.test('200 the budgets are those of this caller, and reading them counts as one request', async (t) => {
  const limited = await ask(gateway, `/v1/tenants/${acme.id}/keys`, {
    headers: await world.bearer('owner'),
    body: { name: 'Limited', requests_per_minute: 50 },
  })
  const headers = keyHeaders({ id: acme.id, key: limited.body.key })
  const first = (await asked(headers)).body.budgets
  t.same(
    first.map(({ name, quota }: { name: string; quota: number }) => [name, quota]),
    [
      ['address', 1_000_000],
      ['key', 50],
      ['tenant', 500],
    ],
  )
  const second = (await asked(headers)).body.budgets
  for (const [position, { name, remaining }] of first.entries()) {
    t.equal(second[position].remaining, remaining - 1, name)
    t.ok(second[position].reset_seconds <= 60 && second[position].reset_seconds > 0)
  }
})

t.test('200 a member without roles gets empty lists', async (t) => {
  await gateway.sql(`delete from membership_roles where user_id = '${ids.lead}'`)
  const answer = await asked(await world.as('lead'))
  t.match(answer, { status: 200, body: { roles: [], scopes: [], denied: [] } })
  t.equal((await ask(gateway, '/v1/customers', { headers: await world.as('lead') })).status, 403)
})
