import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const get = async (path: string, person: Person) => ask(gateway, path, { headers: await world.bearer(person) })
const create = async (body: unknown, person: Person = 'stranger') =>
  ask(gateway, '/v1/tenants', { headers: await world.bearer(person), body })

t.test('200 a user sees the tenants in which they are an active member, and no other', async (t) => {
  const idsOf = async (person: Person) =>
    (await get('/v1/tenants', person)).body.data.map(({ id }: { id: string }) => id)
  t.same(await idsOf('owner'), [acme.id])
  t.same(await idsOf('agent'), [acme.id])
  t.same(await idsOf('other_owner'), [globex.id])
  for (const person of ['stranger', 'pending', 'disabled', 'operator'] as const) t.same(await idsOf(person), [], person)
})

t.test('200 a tenant shows its settings to its members, and no field of the platform', async (t) => {
  const answer = await get(`/v1/tenants/${acme.id}`, 'analyst')
  t.equal(answer.status, 200)
  const { created_at, ...shown } = answer.body
  t.same(shown, {
    id: acme.id,
    name: 'Acme ACMEMARK',
    allowed_origins: ['https://acme.example'],
    requests_per_minute: null,
    retention: { messages_days: null, data_audit_days: null, usage_days: null, starts_at: null },
  })
  t.match(created_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

// Attack: tries tenant ids to find out which exist.
t.test('403 a foreign, a deleted, an unknown and a malformed tenant id get the same response', async (t) => {
  const deleted = (await create({ name: 'To be deleted' })).body.tenant.id
  await gateway.sql(`update tenants set deleted_at = now() where id = '${deleted}'`)
  const unknown = ['00000000-0000-4000-8000-000000000000', 'x', '%00', 'null', "' or true --", acme.id.slice(1)]
  const bodies = new Set<string>()
  for (const id of [globex.id, deleted, ...unknown.map(encodeURIComponent)]) {
    const answer = await get(`/v1/tenants/${id}`, id === deleted ? 'stranger' : 'owner')
    t.equal(answer.status, 403, id)
    const { request_id: _request_id, ...rest } = answer.body
    bodies.add(JSON.stringify(rest))
  }
  t.equal(bodies.size, 1, [...bodies].join('\n'))
  t.same((await get('/v1/tenants', 'stranger')).body.data, [], 'the deleted tenant is not listed')
})

t.test('201 the creator of a tenant is its Owner, and its first key is shown once and is valid', async (t) => {
  const wish = { name: 'Initech', allowed_origins: ['https://initech.example', 'http://localhost:3000'] }
  const created = await create(wish)
  t.equal(created.status, 201, created.text)
  const { tenant, key } = created.body
  t.match(tenant, wish)
  const headers = { ...(await world.bearer('stranger')), ...keyHeaders({ id: tenant.id, key }) }
  const access = await ask(gateway, '/v1/access', { headers })
  t.match(access, { status: 200, body: { roles: ['Owner'], tenant: { id: tenant.id, name: 'Initech' } } })
  t.equal(access.body.scopes.length, 13, 'every scope')
  t.match(await ask(gateway, '/v1/customers', { headers }), { status: 200, body: { data: [] } })
  t.match(await ask(gateway, '/v1/customers', { headers: keyHeaders({ id: tenant.id, key }) }), { status: 403 })
  const roles = await gateway.sql(`select name, system_role from roles where tenant_id = '${tenant.id}' order by id`)
  t.same(
    roles.map(({ name }) => name),
    ['Owner', 'Admin', 'Support Lead', 'Agent', 'Analyst'],
  )
  const keys = await get(`/v1/tenants/${tenant.id}/keys`, 'stranger')
  t.notMatch(keys.text, /ghk_/, 'the key is not shown again')
  const events = await gateway.sql(`select changes from audit_events where tenant_id = '${tenant.id}'`)
  t.notMatch(JSON.stringify(events), /ghk_/)
})

// Attack: mass assignment of the owner, the budget or the suspension of a tenant.
t.test('400 fields that a client cannot set, and origins that no browser sends', async (t) => {
  const foreign = {
    id: acme.id,
    owner_id: ids.owner,
    requests_per_minute: 1e6,
    trial_ends_at: null,
    suspended_at: null,
  }
  for (const [field, value] of Object.entries(foreign)) {
    const answer = await create({ name: 'X', [field]: value })
    t.match(answer, { status: 400, body: { errors: [{ pointer: `/${field}` }] } }, field)
  }
  const wrong = ['*', 'null', 'https://a.example/', 'https://a.example/path', 'HTTPS://a.example', 'https://A.example']
  const odd = [
    'https://a.example:443',
    'https://user@a.example',
    'ftp://a.example',
    'a.example',
    'https://',
    'https://*.a.example?',
    'https://a.example ',
  ]
  for (const origin of [...wrong, ...odd]) {
    const answer = await create({ name: 'X', allowed_origins: ['https://ok.example', origin] })
    t.match(answer, { status: 400, body: { code: 'validation_failed' } }, origin)
    t.match(answer.body.errors?.[0]?.pointer, /^\/allowed_origins(\/1)?$/, origin)
  }
  for (const body of [{}, { name: '' }, { name: ' ' }, { name: 'x'.repeat(201) }, { name: 1 }, []]) {
    t.equal((await create(body)).status, 400, JSON.stringify(body))
  }
})

// Attack: fills the database with tenants.
t.test('409 a user who owns 20 tenants cannot create more, also with concurrent requests', async (t) => {
  const answers = await Promise.all(Array.from({ length: 25 }, () => create({ name: 'Many' }, 'analyst')))
  const made = answers.filter(({ status }) => status === 201)
  t.equal(made.length, 20, 'memberships in tenants of other owners do not count')
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    t.match(answer, { status: 409, body: { code: 'limit_reached' } })
  }
  const pages = [await get('/v1/tenants?limit=15', 'analyst')]
  pages.push(await get(`/v1/tenants?limit=15&cursor=${pages[0]?.body.next_cursor}`, 'analyst'))
  const listed = pages.flatMap(({ body }) => body.data.map(({ id }: { id: string }) => id))
  t.equal(new Set(listed).size, 21)
  t.same(listed, [...listed].sort().reverse(), 'newest first')
  const taken = await get(`/v1/tenants?cursor=${pages[0]?.body.next_cursor}`, 'owner')
  t.not(taken.status, 500)
  t.notMatch(taken.text, /Many/, 'a cursor reveals no tenant of its user')
})
