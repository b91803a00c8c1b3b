import type { ProblemCode } from '../../../src/contract/problems/catalogue.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'
import { head, sendBytes } from '../http/raw-socket.js'
import { expectProblem } from './expect-problem.js'

const gateway = await startGateway({ env: { BUDGET_TENANT: '1000000/60' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex } = world

type Headers = Record<string, string>
const make = async (tenant: typeof acme | typeof globex, more = {}) => {
  const made = await tenant.store.write('tenant_key.created', (store) =>
    store.keys.create({ name: 'Made', scopes: ['conversations:view'], ...more }),
  )
  return keyHeaders({ id: tenant.id, key: made.key })
}
const suspended = async () => {
  const { tenant, key } = await world.platform.write('tenant.created', (store) =>
    store.tenants.create({ name: 'Suspended', owner_id: world.ids.owner }, { name: 'First key', scopes: [] }),
  )
  await world.platform.write('tenant.suspended', (store) =>
    store.platform_tenants.suspend(tenant.id, 'test', undefined),
  )
  await gateway.sql(`update tenant_keys set allowed_cidrs = '{10.0.0.0/8}' where tenant_id = '${tenant.id}'`)
  return keyHeaders({ id: tenant.id, key: key as string })
}
/** A key whose budget the next request uses up. */
const spent = await make(acme, { requests_per_minute: 1 })
await ask(gateway, '/v1/customers', { headers: spent })
const elsewhere = await make(acme, { allowed_cidrs: ['10.0.0.0/8'], requests_per_minute: 1 })
const unlisted = { origin: 'https://evil.example' }
const bad_bearer = { authorization: 'Bearer bad' }
const analyst = await world.bearer('analyst')
const stranger = await world.bearer('stranger')

/** Each request fails two rows or more. The earlier row answers. */
const CASES: readonly (readonly [string, Headers, number, ProblemCode])[] = [
  [
    '3 before 7 and 9: no tenant headers, unlisted origin, bad bearer',
    { ...unlisted, ...bad_bearer },
    401,
    'tenant_credentials_required',
  ],
  [
    '4 before 7: bad key, unlisted origin',
    { ...keyHeaders({ ...acme, key: globex.key }), ...unlisted },
    401,
    'invalid_tenant_credentials',
  ],
  [
    '4 before 9: bad key, bad bearer',
    { ...keyHeaders({ ...acme, key: 'x' }), ...bad_bearer },
    401,
    'invalid_tenant_credentials',
  ],
  [
    '4 before 10: key of another tenant, stranger',
    { ...keyHeaders({ ...acme, key: globex.key }), ...stranger },
    401,
    'invalid_tenant_credentials',
  ],
  ['5 before 6: suspended, address not allowed', await suspended(), 403, 'tenant_suspended'],
  ['5 before 7: suspended, unlisted origin', { ...(await suspended()), ...unlisted }, 403, 'tenant_suspended'],
  ['5 before 9: suspended, bad bearer', { ...(await suspended()), ...bad_bearer }, 403, 'tenant_suspended'],
  ['5 before 10: suspended, stranger', { ...(await suspended()), ...stranger }, 403, 'tenant_suspended'],
  ['6 before 7: address not allowed, unlisted origin', { ...elsewhere, ...unlisted }, 403, 'address_not_allowed'],
  ['6 before 8: address not allowed, many times', elsewhere, 403, 'address_not_allowed'],
  ['6 before 9: address not allowed, bad bearer', { ...elsewhere, ...bad_bearer }, 403, 'address_not_allowed'],
  ['7 before 8: unlisted origin, over budget', { ...spent, ...unlisted }, 403, 'origin_not_allowed'],
  [
    '7 before 9: unlisted origin, bad bearer',
    { ...keyHeaders(acme), ...unlisted, ...bad_bearer },
    403,
    'origin_not_allowed',
  ],
  ['8 before 9: over budget, bad bearer', { ...spent, ...bad_bearer }, 429, 'rate_limited'],
  ['8 before 10: over budget, stranger', { ...spent, ...stranger }, 429, 'rate_limited'],
  ['8 before 11: over budget, missing scope', { ...spent, ...analyst }, 429, 'rate_limited'],
  ['9 before 11: bad bearer, key without the scope', { ...keyHeaders(acme), ...bad_bearer }, 401, 'invalid_token'],
  ['10 before 11: stranger, key without the scope', { ...keyHeaders(acme), ...stranger }, 403, 'tenant_access_denied'],
]

t.test('a request that fails two rows gets the problem of the earlier row', async (t) => {
  for (const [name, headers, status, code] of CASES) {
    expectProblem(t, await ask(gateway, '/v1/customers', { headers }), status, code, name)
  }
})

t.test('on management and platform routes, the earlier row answers too', async (t) => {
  const keys = `/v1/tenants/${acme.id}/keys`
  expectProblem(t, await ask(gateway, keys, { headers: bad_bearer, body: {} }), 401, 'invalid_token', '9 before 13')
  expectProblem(
    t,
    await ask(gateway, keys, { headers: stranger, body: {} }),
    403,
    'tenant_access_denied',
    '10 before 13',
  )
  expectProblem(t, await ask(gateway, keys, { headers: analyst, body: {} }), 403, 'insufficient_scope', '11 before 13')
  const platform = '/v1/platform/tenants'
  expectProblem(
    t,
    await ask(gateway, platform, { headers: analyst, body: {} }),
    403,
    'platform_access_denied',
    '12 before 13',
  )
  const unknown = `/v1/tenants/${acme.id}/keys/000000000000`
  expectProblem(
    t,
    await ask(gateway, unknown, { method: 'DELETE', headers: analyst }),
    403,
    'insufficient_scope',
    '11 before 14',
  )
})

t.test('an invalid body comes before a missing object, and a missing object before a failed If-Match', async (t) => {
  const headers = await world.as('owner')
  const missing = '/v1/customers/019a0000-0000-7000-8000-000000000000'
  const patch = (path: string, body: unknown, more: Headers = {}) =>
    ask(gateway, path, { method: 'PATCH', headers: { ...headers, ...more }, body })
  expectProblem(t, await patch(missing, { unknown: 1 }), 400, 'validation_failed', '13 before 14')
  expectProblem(t, await patch(missing, { name: 'A' }, { 'if-match': '"9"' }), 404, 'not_found', '14 before 15')
  const { id } = await world.createCustomer()
  expectProblem(
    t,
    await patch(`/v1/customers/${id}`, { name: 1 }, { 'if-match': '"9"' }),
    400,
    'validation_failed',
    '13 before 15',
  )
  expectProblem(
    t,
    await patch(`/v1/customers/${id}`, { name: 'A' }, { 'if-match': '"9"' }),
    412,
    'precondition_failed',
    '15',
  )
})

// Attack: the client tries ids to learn which objects of another tenant exist.
t.test('404 an object of another tenant gets the response of a missing one, byte for byte', async (t) => {
  const headers = await world.as('owner')
  const foreign = await world.createCustomer('globex')
  const answers = async (id: string) => {
    const seen: string[] = []
    for (const [method, body] of [['GET'], ['PATCH', { name: 'A' }], ['DELETE']] as [string, unknown][]) {
      const answer = await ask(gateway, `/v1/customers/${id}`, { method, headers, body })
      expectProblem(t, answer, 404, 'not_found', `${method} ${id}`)
      const kept = [...answer.headers].filter(([name]) => !['x-request-id', 'date', 'ratelimit'].includes(name))
      seen.push(JSON.stringify([answer.text.replace(answer.body.request_id, ''), kept]))
    }
    return seen
  }
  const missing = await answers('019a0000-0000-7000-8000-000000000000')
  t.same(await answers(foreign.id), missing)
  t.same(await answers('not-an-id'), missing)
})

t.test('409 a unique value that is taken, with its own code', async (t) => {
  const headers = await world.as('owner')
  const body = { name: 'A', email: 'one@example.com' }
  t.equal((await ask(gateway, '/v1/customers', { headers, body })).status, 201)
  const answer = await ask(gateway, '/v1/customers', { headers, body })
  expectProblem(t, answer, 409, 'already_exists')
  t.equal(answer.body.conflicting_field, 'email')
})

// Attack: anonymous clients announce huge bodies, so that the gateway reads and keeps them before it authenticates.
t.test('rows 1 to 12 refuse before the first byte of the body has arrived', async (t) => {
  const announce = (path: string, headers: Headers, more: string[] = []) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    const type = 'Content-Type: application/json'
    return sendBytes(
      gateway,
      head(`POST ${path} HTTP/1.1`, 'Host: x', type, 'Content-Length: 99999999999', ...lines, ...more),
    )
  }
  for (const [name, headers, status, code] of CASES) {
    expectProblem(t, await announce('/v1/customers', headers), status, code, name)
  }
  const missing_scope = await announce('/v1/customers', keyHeaders(acme))
  expectProblem(t, missing_scope, 403, 'insufficient_scope', 'row 11')
  expectProblem(t, await announce('/v1/platform/tenants', analyst), 403, 'platform_access_denied', 'row 12')
  expectProblem(t, await announce('/v1/platform/tenants', {}), 401, 'authentication_required', 'row 9')
  expectProblem(t, await announce('/nowhere', {}), 404, 'not_found', 'no route')
  expectProblem(t, await announce('/livez', {}), 405, 'method_not_allowed', 'an unknown method')
  const doubled = await announce('/v1/auth/login', {}, ['X-Tenant-ID: a', 'X-Tenant-ID: a'])
  expectProblem(t, doubled, 400, 'duplicate_header', 'row 1')
  const chunked = await sendBytes(
    gateway,
    head('POST /v1/customers HTTP/1.1', 'Host: x', 'Content-Type: application/json', 'Transfer-Encoding: chunked'),
  )
  expectProblem(t, chunked, 401, 'tenant_credentials_required', 'a body of unknown length')
  expectProblem(t, await announce('/v1/auth/login', {}), 413, 'body_too_large', 'row 13: the announced length')
})

// The gateway sends 100 Continue only after rows 1 to 12 have passed.
t.test('100 only for a request that the pipeline allows', async (t) => {
  const { connect } = await import('node:net')
  const first_line = (...lines: string[]) =>
    new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(gateway.url)
      const socket = connect(Number(port), hostname, () => socket.write(head(...lines, 'Expect: 100-continue')))
      socket.once('data', (data) => resolve(data.toString().split('\r\n')[0] as string))
      socket.once('data', () => socket.destroy())
      socket.once('error', reject)
    })
  const body = ['Host: x', 'Content-Type: application/json', 'Content-Length: 50']
  t.match(await first_line('POST /v1/customers HTTP/1.1', ...body), /^HTTP\/1.1 401/)
  t.match(await first_line('POST /v1/auth/login HTTP/1.1', ...body), /^HTTP\/1.1 100/)
})
