import { ALL_SCOPES } from '../../../src/contract/scopes.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const tenant = `/v1/tenants/${acme.id}`
const explain = async (body: unknown, person: Person = 'owner', tenant_id = acme.id) =>
  ask(gateway, `/v1/tenants/${tenant_id}/access/explain`, { headers: await world.bearer(person), body })

/** Routes with different scopes that refuse a request before they change anything. */
const ROUTES = [
  ['GET', '/v1/customers'],
  ['GET', '/v1/customers/00000000-0000-4000-8000-000000000000?x=1'],
  ['POST', '/v1/customers'],
  ['DELETE', '/v1/customers/00000000-0000-4000-8000-000000000000'],
  ['GET', '/v1/access'],
  ['GET', `${tenant}/keys`],
  ['POST', `${tenant}/roles`],
  ['PATCH', tenant],
  ['GET', `${tenant}/audit-events`],
  ['GET', `${tenant}/usage`],
  ['GET', '/v1/me'],
  ['GET', '/livez'],
  ['GET', '/v1/platform/tenants'],
] as const
const EXPLAINED = ['required', 'missing', 'principal', 'denied_by_override', 'granted_by_roles', 'detail'] as const

/** Sends the real request. No route accepts its body, so an authorised request changes nothing. */
const really = async (method: string, path: string, headers: Record<string, string>) =>
  ask(gateway, path.replace('?x=1', ''), {
    method,
    headers,
    body: method === 'GET' || method === 'DELETE' ? undefined : { '': 0 },
  })

for (const person of ['owner', 'admin', 'lead', 'agent', 'analyst', 'disabled', 'pending'] as const) {
  t.test(`the explanation for ${person} is the decision that the request gets`, async (t) => {
    await gateway.sql(`insert into overrides values ('${acme.id}', '${ids.lead}', 'customers:edit', 'deny', 'test', now()),
      ('${acme.id}', '${ids.agent}', 'audit:view', 'grant', 'test', now()) on conflict do nothing`)
    for (const [method, path] of ROUTES) {
      const { body } = await explain({ user_id: ids[person], method, path })
      const answer = await really(method, path, await world.as(person))
      const is_refused = answer.status === 401 || answer.status === 403
      t.equal(body.allowed, !is_refused, `${method} ${path} ${answer.status}`)
      if (answer.body?.code === 'insufficient_scope') {
        for (const field of EXPLAINED) t.strictSame(body[field], answer.body[field], `${method} ${path} ${field}`)
        t.equal(body.refused_before, null)
      } else {
        t.equal(body.refused_before, is_refused ? answer.body.code : null, `${method} ${path} ${answer.status}`)
      }
    }
  })
}

t.test('the explanation for a key is the decision that its request gets, also if the key is not active', async (t) => {
  const headers = await world.bearer('owner')
  const create = async (scopes: string[]) =>
    (await ask(gateway, `${tenant}/keys`, { headers, body: { name: 'Explained', scopes } })).body as {
      id: string
      key: string
    }
  const held = await create(['conversations:view', 'audit:view'])
  const plain = await create([])
  const revoked = await create(['conversations:view'])
  await ask(gateway, `${tenant}/keys/${revoked.id}`, { method: 'DELETE', headers })
  const disabled = await create(['conversations:view'])
  await gateway.sql(`update tenant_keys set disabled_at = now() where id = '${disabled.id}'`)
  const expired = await create(['conversations:view'])
  await gateway.sql(`update tenant_keys set expires_at = now() - interval '1 second' where id = '${expired.id}'`)
  for (const { id, key } of [held, plain, revoked, disabled, expired]) {
    for (const [method, path] of ROUTES) {
      const { body } = await explain({ key_id: id, method, path })
      const answer = await really(method, path, keyHeaders({ id: acme.id, key }))
      const is_refused = answer.status === 401 || answer.status === 403
      t.equal(body.allowed, !is_refused, `${method} ${path} ${answer.status}`)
      if (answer.body?.code === 'insufficient_scope') {
        for (const field of EXPLAINED) t.strictSame(body[field], answer.body[field], `${method} ${path} ${field}`)
      } else {
        t.equal(body.refused_before, is_refused ? answer.body.code : null, `${method} ${path}`)
      }
    }
  }
})

// An explanation that says `allowed` for a refused request would mislead its reader.
t.test('the explanation for a disabled user, and for a path of another tenant, is the real refusal', async (t) => {
  const path = `${tenant}/keys`
  const elsewhere = `/v1/tenants/${globex.id}/keys`
  const foreign = await explain({ user_id: ids.owner, method: 'GET', path: elsewhere })
  t.match(foreign.body, { allowed: false, refused_before: 'tenant_access_denied' })
  t.match(await really('GET', elsewhere, await world.bearer('owner')), {
    status: 403,
    body: { code: 'tenant_access_denied' },
  })
  const token = await world.bearer('admin')
  await gateway.sql(`update users set disabled_at = now() where id = '${ids.admin}'`)
  t.match((await explain({ user_id: ids.admin, method: 'GET', path })).body, {
    allowed: false,
    refused_before: 'invalid_token',
  })
  t.match(await really('GET', path, token), { status: 401, body: { code: 'invalid_token' } })
  await gateway.sql(`update users set disabled_at = null where id = '${ids.admin}'`)
})

t.test(
  '200 the explanation says why a request is refused before its scopes, which the refusal does not say',
  async (t) => {
    const headers = await world.bearer('owner')
    const path = '/v1/customers'
    const detailOf = async (who: Record<string, unknown>) =>
      (await explain({ ...who, method: 'GET', path })).body.detail as string
    const key = async (change: string) => {
      const { body } = await ask(gateway, `${tenant}/keys`, {
        headers,
        body: { name: 'Why', scopes: ['conversations:view'] },
      })
      await gateway.sql(`update tenant_keys set ${change} where id = '${body.id}'`)
      return { key_id: body.id as string }
    }
    const reasons = [
      [{ user_id: ids.pending }, 'tenant_access_denied. The membership is pending: the user has not accepted it yet.'],
      [{ user_id: ids.disabled }, 'tenant_access_denied. The membership is disabled. It can be enabled again.'],
      [await key('revoked_at = now()'), 'A revoked key never works again.'],
      [await key('disabled_at = now()'), 'It can be enabled again.'],
      [await key(`expires_at = now() - interval '1 second'`), 'invalid_tenant_credentials. The key expired at 20'],
    ] as const
    for (const [who, reason] of reasons) t.match(await detailOf(who), reason)
    // A user who is disabled everywhere.
    await gateway.sql(`update users set disabled_at = now() where id = '${ids.lead}'`)
    t.match(await detailOf({ user_id: ids.lead }), 'invalid_token. An operator has disabled the user.')
    await gateway.sql(`update users set disabled_at = null where id = '${ids.lead}'`)
    const without_user = await explain({ ...(await key('disabled_at = null')), method: 'GET', path: '/v1/me' })
    t.match(without_user.body.detail, 'authentication_required. This route requires a signed-in user.')
  },
)

// An explanation that says `allowed` without the conditions would mislead its reader.
t.test(
  '200 the explanation names the networks and the origins, and decides when the question names an address',
  async (t) => {
    const headers = await world.bearer('owner')
    const made = await ask(gateway, `${tenant}/keys`, {
      headers,
      body: { name: 'Office', scopes: ['conversations:view'], allowed_cidrs: ['203.0.113.0/24'] },
    })
    const about = { key_id: made.body.id as string, method: 'GET', path: '/v1/customers' }
    const networks = 'The key works only from these networks: 203.0.113.0/24.'
    const origins = 'A page in a browser cannot send the request, because the tenant lists no allowed_origins.'
    await gateway.sql(`update tenants set allowed_origins = '{}' where id = '${acme.id}'`)
    t.match((await explain(about)).body, {
      allowed: true,
      detail: 'Allowed, if the request meets the conditions.',
      conditions: [networks, origins],
    })
    t.match((await explain({ ...about, address: '203.0.113.7' })).body, { allowed: true, conditions: [origins] })
    for (const address of ['203.0.114.7', '2001:db8::1', '::ffff:198.51.100.1']) {
      t.match((await explain({ ...about, address })).body, {
        allowed: false,
        refused_before: 'address_not_allowed',
        detail: `Refused before the check of scopes: address_not_allowed. ${networks}`,
      })
    }
    await gateway.sql(`update tenants set allowed_origins = '{https://app.example}' where id = '${acme.id}'`)
    const from = { ...about, address: '203.0.113.7' }
    t.match((await explain({ ...from, origin: 'https://app.example' })).body, { allowed: true, detail: 'Allowed.' })
    t.match((await explain({ ...from, origin: 'https://evil.example' })).body, {
      allowed: false,
      refused_before: 'origin_not_allowed',
      detail: /must have one of these origins: https:\/\/app\.example\.$/,
    })
    const [condition] = (await explain({ user_id: ids.agent, method: 'GET', path: '/v1/customers' })).body.conditions
    t.match(condition, 'The request must send a key of the tenant that works')
    t.match(await explain({ ...about, address: '203.0.113' }), {
      status: 400,
      body: { errors: [{ pointer: '/address', message: 'must be an IP address such as 203.0.113.7 or 2001:db8::1' }] },
    })
  },
)

/** The recorder can flush refusals of earlier tests at any time, so they are not counted. */
const CHANGES_MADE = `select count(*)::int as count from audit_events where action <> 'request.refused'`

t.test('200 an explanation changes nothing, and names the roles that grant the scope', async (t) => {
  const before = await gateway.sql(CHANGES_MADE)
  const { id } = await world.createCustomer()
  const body = { user_id: ids.lead, method: 'DELETE', path: `/v1/customers/${id}` }
  const answer = await explain(body)
  t.match(answer.body, {
    allowed: false,
    denied_by_override: ['customers:edit'],
    route: { method: 'DELETE', url: '/v1/customers/:id', access: 'tenant' },
  })
  t.match(await explain({ ...body, user_id: ids.analyst }), {
    body: { granted_by_roles: ['Owner', 'Admin', 'Support Lead', 'Agent'] },
  })
  t.match(await explain({ ...body, user_id: ids.owner }), {
    body: { allowed: true, missing: [], granted_by_roles: [] },
  })
  t.equal((await gateway.sql(`select from customers where id = '${id}'`)).length, 1)
  const after = await gateway.sql(CHANGES_MADE)
  t.equal(Number(after[0]?.count), Number(before[0]?.count) + 1, 'only the creation of the customer')
})

// Attack: asks for explanations to find users and keys of other tenants.
t.test('404 an unknown path, and a user or key that does not belong to the tenant', async (t) => {
  for (const [method, path] of [
    ['GET', '/v1/nothing'],
    ['PUT', '/v1/customers'],
    ['GET', '//v1/customers'],
    ['GET', '/V1/customers'],
    ['GET', '/v1/%'],
  ] as const) {
    t.match(
      await explain({ user_id: ids.agent, method, path }),
      { status: 404, body: { code: 'not_found' } },
      `${method} ${path}`,
    )
    t.not((await really(method, path, await world.as('agent'))).status, 200)
  }
  const path = '/v1/customers'
  const [foreign_key] = await gateway.sql(`select id from tenant_keys where tenant_id = '${globex.id}'`)
  const strangers = [
    { user_id: ids.other_owner },
    { user_id: ids.stranger },
    { user_id: ids.operator },
    { key_id: foreign_key?.id },
    { key_id: 'AAAAAAAAAAAA' },
  ]
  const texts = new Set<string>()
  for (const who of strangers) {
    const answer = await explain({ ...who, method: 'GET', path })
    t.match(answer, { status: 404, body: { code: 'not_found' } })
    texts.add(answer.text.replace(answer.body.request_id, ''))
  }
  t.equal(texts.size, 1, 'all have the same response')
  for (const who of [{ user_id: ids.lead }, { key_id: acme.integration_key_id }, { user_id: ids.stranger }]) {
    t.match(await explain({ ...who, method: 'GET', path }, 'agent'), {
      status: 403,
      body: { missing: ['users:manage'], granted_by_roles: ['Owner', 'Admin'] },
    })
  }
  t.match(await explain({ user_id: ids.agent, method: 'GET', path }, 'other_owner'), {
    status: 403,
    body: { code: 'tenant_access_denied' },
  })
  t.match(await explain({ user_id: ids.agent, method: 'GET', path }, 'other_owner', globex.id), { status: 404 })
  const wrong = [
    {},
    { user_id: ids.agent },
    { user_id: ids.agent, key_id: acme.integration_key_id, method: 'GET', path },
    { user_id: 'x', method: 'GET', path },
    { key_id: 'short', method: 'GET', path },
    { user_id: ids.agent, method: 'TRACE', path },
    { user_id: ids.agent, method: 'GET', path: 'customers' },
    { user_id: ids.agent, method: 'GET', path: `/${'x'.repeat(500)}` },
  ]
  for (const body of wrong) t.equal((await explain(body)).status, 400, JSON.stringify(body).slice(0, 60))
})

t.test('200 the catalogue lists for every scope its meaning, its routes and its roles', async (t) => {
  const headers = await world.bearer('owner')
  await ask(gateway, `${tenant}/roles`, { headers, body: { name: 'Clerk', scopes: ['customers:edit'] } })
  const answer = await ask(gateway, `${tenant}/scopes`, { headers: await world.bearer('analyst') })
  t.strictSame(
    answer.body.data.map(({ scope }: { scope: string }) => scope),
    ALL_SCOPES,
  )
  const of = (scope: string) => answer.body.data.find((each: { scope: string }) => each.scope === scope)
  t.strictSame(of('customers:edit'), {
    scope: 'customers:edit',
    meaning: 'Create, change and delete customers',
    is_known: true,
    routes: ['POST /v1/customers', 'PATCH /v1/customers/:id', 'DELETE /v1/customers/:id'],
    roles: ['Owner', 'Admin', 'Support Lead', 'Agent', 'Clerk'],
  })
  t.match(of('audit:view').roles, ['Owner', 'Admin', 'Analyst'])
  t.match(await ask(gateway, `${tenant}/scopes`, { headers: await world.bearer('stranger') }), { status: 403 })
})

t.test('200 without user_id and key_id, the caller is explained', async (t) => {
  for (const person of ['owner', 'admin'] as const) {
    for (const [method, path] of ROUTES) {
      const own = await explain({ method, path }, person)
      t.equal(own.status, 200)
      t.same(
        own.body,
        (await explain({ user_id: ids[person], method, path }, person)).body,
        `${person} ${method} ${path}`,
      )
    }
  }
  const own = await explain({ method: 'GET', path: '/v1/customers' }, 'admin')
  t.match(own.body, { allowed: true, principal: { kind: 'user', id: ids.admin } })
})

t.test('200 every member may ask about themselves, with and without their id', async (t) => {
  for (const [person, path, allowed] of [
    ['agent', '/v1/customers', true],
    ['analyst', '/v1/customers', false],
  ] as const) {
    for (const who of [{}, { user_id: ids[person] }]) {
      const answer = await explain({ ...who, method: 'GET', path }, person)
      t.match(answer, { status: 200, body: { allowed, principal: { kind: 'user', id: ids[person] } } }, person)
    }
  }
  t.match(await explain({ method: 'GET', path: '/v1/customers' }, 'pending'), { status: 403 })
})

t.test('403 a suspended tenant learns until when', async (t) => {
  const headers = keyHeaders({ id: acme.id, key: acme.integration_key })
  const detail = async (change: string) => {
    await gateway.sql(`update tenants set ${change} where id = '${acme.id}'`)
    const { status, body } = await ask(gateway, '/v1/customers', { headers })
    t.match({ status, code: body.code }, { status: 403, code: 'tenant_suspended' })
    return body.detail as string
  }
  t.match(
    await detail(`suspended_at = '2026-01-02', suspended_until = null`),
    /at 2026-01-02T00:00:00.000Z, until an operator activates it\.$/,
  )
  t.match(await detail(`suspended_until = '2100-01-02'`), /until 2100-01-02T00:00:00.000Z\.$/)
  t.equal(
    await detail(`suspended_at = null, suspended_until = null, trial_ends_at = '2026-01-02'`),
    'The trial ended at 2026-01-02T00:00:00.000Z.',
  )
  await gateway.sql(
    `update tenants set suspended_at = null, suspended_until = null, trial_ends_at = null where id = '${acme.id}'`,
  )
})
