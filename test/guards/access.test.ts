import { ALL_PRIVILEGES, ALL_SCOPES } from '../../src/contract/scopes.js'
import { openPasswords } from '../../src/kernel/credentials/passwords.js'
import { createTenantKey } from '../../src/kernel/credentials/tenant-key.js'
import { tenant } from '../../src/kernel/request/access.js'
import { startGateway } from '../helpers/gateway.js'
import { ask, askRaw } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld, keyHeaders, PASSWORD, type Person } from '../helpers/world.js'
import { accessViolations, type Caller, fillers, type Outcome } from './access.js'
import { guardedRoutes, hiddenRoutes, pathOf } from './route-table.js'

const gateway = await startGateway({
  more: async (app) => {
    app.get('/guard/two-scopes', { config: tenant('audit:view', 'analytics:view') }, async () => ({}))
    await app.register(async (scope) => {
      // The mistake of a plugin: its routes declare an access, but it removes the hooks that check it.
      scope.addHook('onRoute', (route) => {
        route.onRequest = []
      })
      scope.get('/guard/unguarded', { config: tenant('customers:edit') }, async () => ({}))
    })
  },
})
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const every_route = guardedRoutes(gateway.routes)
const routes = every_route.filter((route) => route.url !== '/guard/unguarded')
const { acme, globex } = world

/** The scopes of the system roles. This second copy is on purpose: the test compares the code with it. */
const HELD: Partial<Record<Person, readonly string[]>> = {
  owner: ALL_SCOPES,
  admin: ALL_SCOPES,
  lead: [
    'conversations:view',
    'conversations:edit',
    'conversations:reply',
    'conversations:moderate',
    'handoff:perform',
    'customers:edit',
    'agents:view',
  ],
  agent: ['conversations:view', 'conversations:reply', 'customers:edit'],
  analyst: ['analytics:view', 'audit:view'],
}
const OUTSIDERS = ['pending', 'disabled', 'stranger', 'other_owner', 'operator'] as const

function expects(user: Outcome, member: Outcome | readonly string[], data: Caller['expects']['tenant']) {
  const platform: Outcome = user === 'passes' ? 'platform_access_denied' : user
  return { open: 'passes', user, member, tenant: data, operator: platform } as const
}

async function people(): Promise<Caller[]> {
  const members = Object.entries(HELD).map(async ([person, held]) => ({
    name: person,
    headers: await world.as(person as Person),
    expects: expects('passes', held, held),
  }))
  const outsiders = OUTSIDERS.map(async (person) => ({
    name: person,
    headers: await world.as(person),
    expects: {
      ...expects('passes', 'tenant_access_denied', 'tenant_access_denied'),
      ...(person === 'operator' && { operator: ALL_PRIVILEGES }),
    },
  }))
  return Promise.all([...members, ...outsiders])
}

async function credentials(): Promise<Caller[]> {
  const owner = await world.bearer('owner')
  const as_owner = (data: Outcome) => expects('passes', ALL_SCOPES, data)
  const unsigned = (data: Caller['expects']['tenant']) =>
    expects('authentication_required', 'authentication_required', data)
  const bad = 'invalid_token' as const
  const token = owner.authorization as string
  const keys = keyHeaders(acme)
  return [
    { name: 'nobody', headers: {}, expects: unsigned('tenant_credentials_required') },
    { name: 'a key alone', headers: keys, expects: unsigned([]) },
    {
      name: 'an integration key alone',
      headers: keyHeaders({ id: acme.id, key: acme.integration_key }),
      expects: unsigned(['conversations:view', 'customers:edit']),
    },
    { name: 'owner without tenant headers', headers: owner, expects: as_owner('tenant_credentials_required') },
    {
      name: 'owner without a key',
      headers: { ...owner, 'x-tenant-id': acme.id },
      expects: as_owner('tenant_credentials_required'),
    },
    {
      name: 'owner with an unknown key',
      headers: { ...owner, ...keyHeaders({ id: acme.id, key: createTenantKey().key }) },
      expects: as_owner('invalid_tenant_credentials'),
    },
    {
      name: 'owner with a damaged key',
      headers: { ...owner, ...keyHeaders({ id: acme.id, key: `${acme.key.slice(0, -1)}!` }) },
      expects: as_owner('invalid_tenant_credentials'),
    },
    {
      name: 'owner with the key of another tenant',
      headers: { ...owner, ...keyHeaders({ id: acme.id, key: globex.key }) },
      expects: as_owner('invalid_tenant_credentials'),
    },
    {
      name: 'owner in another tenant',
      headers: { ...owner, ...keyHeaders(globex) },
      expects: as_owner('tenant_access_denied'),
    },
    { name: 'a malformed token', headers: { authorization: 'Bearer x', ...keys }, expects: expects(bad, bad, bad) },
    {
      name: 'a token with an invalid signature and a key with scopes',
      headers: {
        authorization: `${token.slice(0, -6)}AAAAAA`,
        ...keyHeaders({ id: acme.id, key: acme.integration_key }),
      },
      expects: expects(bad, bad, bad),
    },
    { name: 'another scheme', headers: { authorization: 'Basic eDp5', ...keys }, expects: expects(bad, bad, bad) },
  ]
}

// Attack: a caller of one kind calls a route whose developer forgot the check for this kind.
t.test('every route gives every kind of caller the result that its access requires', async (t) => {
  const callers = [...(await people()), ...(await credentials())]
  const { violations, asked } = await accessViolations(gateway, routes, callers, acme.id)
  t.same(violations, [])
  t.ok(routes.length >= 30 && callers.length >= 20, `${routes.length} routes, ${callers.length} callers`)
  t.equal(asked, routes.length * callers.length)
  const kinds = new Set(routes.map((route) => route.access.kind))
  t.same([...kinds].sort(), ['member', 'open', 'operator', 'tenant', 'user'])
})

// Attack: a caller with one of several required scopes calls a route that accepts any of them by mistake.
t.test('a caller who lacks one required scope gets 403 with the name of that scope', async (t) => {
  const required = [...new Set(routes.flatMap((route) => [...route.access.scopes] as string[]))]
  const scopes = required.filter((scope) => (ALL_SCOPES as string[]).includes(scope))
  const privileges = required.filter((scope) => (ALL_PRIVILEGES as string[]).includes(scope))
  t.ok(scopes.length >= 4 && privileges.length >= 4, required.join())
  const wanting = await userWithCustomRole()
  for (const scope of scopes) {
    const held = ALL_SCOPES.filter((each) => each !== scope)
    await gateway.sql(`update roles set scopes = '{${held}}' where name = 'Custom'`)
    const { key } = await acme.store.write('tenant_key.created', (store) =>
      store.keys.create({ name: `All but ${scope}`, scopes: held }),
    )
    const callers: Caller[] = [
      {
        name: `member without ${scope}`,
        headers: { ...wanting, ...keyHeaders(acme) },
        expects: expects('passes', held, held),
      },
      {
        name: `key without ${scope}`,
        headers: keyHeaders({ id: acme.id, key }),
        expects: expects('authentication_required', 'authentication_required', held),
      },
      {
        // A key never adds scopes to its user.
        name: `member without ${scope}, with a key that holds it`,
        headers: { ...wanting, ...keyHeaders({ id: acme.id, key: acme.integration_key }) },
        expects: expects('passes', held, held),
      },
    ]
    const concerned = routes.filter((route) => (route.access.scopes as readonly string[]).includes(scope))
    t.same((await accessViolations(gateway, concerned, callers, acme.id)).violations, [])
  }
  for (const privilege of privileges) {
    const held = ALL_PRIVILEGES.filter((each) => each !== privilege)
    await gateway.sql(`update operators set privileges = '{${held}}'`)
    const lesser: Caller = {
      name: `operator without ${privilege}`,
      headers: await world.bearer('operator'),
      expects: { ...expects('passes', 'tenant_access_denied', 'tenant_credentials_required'), operator: held },
    }
    const of_operators = routes.filter((route) => route.access.kind === 'operator')
    t.same((await accessViolations(gateway, of_operators, [lesser], acme.id)).violations, [])
  }
})

async function userWithCustomRole(): Promise<Record<string, string>> {
  const password_hash = await (await openPasswords()).hash(PASSWORD)
  const user = await world.platform.write('user.created', (store) =>
    store.users.create({ email: 'custom@people.example', name: 'Custom', password_hash, is_verified: true }),
  )
  await gateway.sql(`
    insert into roles (tenant_id, id, name, created_at) values ('${acme.id}', gen_random_uuid(), 'Custom', now());
    insert into memberships values ('${acme.id}', '${user?.id}', 'active', now(), now());
    insert into membership_roles select '${acme.id}', '${user?.id}', id from roles where name = 'Custom'`)
  const answer = await ask(gateway, '/v1/auth/login', { body: { email: 'custom@people.example', password: PASSWORD } })
  return { authorization: `Bearer ${answer.body.access}` }
}

// Attack: a client calls a route that `hide: true` excludes from the contract and from the other guards.
t.test('405 for every request to a hidden route', async (t) => {
  const hidden = hiddenRoutes(gateway.routes)
  t.ok(hidden.length > 50, `${hidden.length} hidden routes`)
  const lines = Object.entries(await world.as('owner')).flat()
  for (const { method, url } of hidden) {
    // fetch cannot send every method.
    const answer = await askRaw(gateway, pathOf(url, fillers(acme.id)), { method, lines })
    if (answer.status !== 405 || answer.headers.get('allow') === null) t.fail(`${method} ${url}: ${answer.status}`)
  }
})

t.test('the guard finds a route whose hooks were removed', async (t) => {
  const bad = every_route.filter((route) => route.url === '/guard/unguarded')
  const callers = await credentials()
  const { violations } = await accessViolations(gateway, bad, callers, acme.id)
  t.equal(violations.length, callers.length - 1, violations.join('\n'))
  t.ok(violations.some((each) => each.startsWith('GET /guard/unguarded as nobody: passes')))
})

t.test('a route that declares no access, or an incomplete one, stops the start', async (t) => {
  const on = gateway.test_database
  const none = startGateway({ on, more: async (app) => void app.get('/bad', async () => ({})) })
  await t.rejects(none, { message: /GET \/bad declares no access/ })
  const memberless = startGateway({
    on,
    more: async (app) => void app.get('/bad', { config: { access: { kind: 'member', scopes: [] } } }, async () => ({})),
  })
  await t.rejects(memberless, { message: /member route without :tenant_id/ })
  const powerless = startGateway({
    on,
    more: async (app) =>
      void app.get('/bad', { config: { access: { kind: 'operator', scopes: [] } } }, async () => ({})),
  })
  await t.rejects(powerless, { message: /operator route without a privilege/ })
})
