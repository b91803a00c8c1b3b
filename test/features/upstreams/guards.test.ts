import { once } from 'node:events'
import { WebSocket } from 'ws'
import { RESERVED } from '../../../src/features/upstreams/manifest/check-manifest.js'
import { accessViolations, type Caller } from '../../guards/access.js'
import { contractViolations, readContract } from '../../guards/contract.js'
import { type GuardedRoute, guardedRoutes } from '../../guards/route-table.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'
import { matrixViolations } from '../../matrix/matrix.js'
import { CALLERS, POLICY } from '../../matrix/policy.js'
import { startGatewayWith, startService, trainingManifest } from './services.js'

/**
 * The service answers 400 `validation_failed`. The guards take this response as proof that the gateway authorised the
 * request.
 */
const service = await startService((request, response) => {
  response.statusCode = 400
  request.resume().on('end', () => response.end('{"code":"validation_failed"}'))
})
const manifest = `${trainingManifest(service.origin)}    websockets:
      - { path: /live, scopes: [training:view], summary: 'What happens, as it happens' }
`
const gateway = await startGatewayWith(t, manifest)
t.teardown(async () => {
  await gateway.close()
  await service.close()
})
const world = await buildWorld(gateway)
const { acme, globex } = world
const declared = gateway.upstreams?.current().routes ?? []
const document = readContract((await ask(gateway, '/openapi.json')).body)

/** The declared routes in the shape that the guards use for routes of the gateway. */
const routes: GuardedRoute[] = declared.map(({ method, url, access, operation_id }) => ({
  name: `${method} ${url}`,
  method,
  url: url.replace(/\*$/, ':rest'),
  access: access as unknown as GuardedRoute['access'],
  operation_id,
  schema: {},
}))
/** The guards have values for `:id`, but not for `*`. */
const asked = routes.map((route) => ({ ...route, url: route.url.replace(':rest', ':id') }))

const owner = await world.as('owner')
const lets = (code: Caller['expects']['open']) => ({ open: code, user: code, member: code, operator: code }) as const
const ALL = ['training:view', 'training:run']
const CALLING: Caller[] = [
  { name: 'nobody', headers: {}, expects: { ...lets('passes'), tenant: 'tenant_credentials_required' } },
  { name: 'owner', headers: owner, expects: { ...lets('passes'), tenant: ALL } },
  { name: 'admin', headers: await world.as('admin'), expects: { ...lets('passes'), tenant: ALL } },
  { name: 'agent', headers: await world.as('agent'), expects: { ...lets('passes'), tenant: [] } },
  { name: 'a key alone', headers: keyHeaders(acme), expects: { ...lets('passes'), tenant: [] } },
  {
    name: 'stranger',
    headers: await world.as('stranger'),
    expects: { ...lets('passes'), tenant: 'tenant_access_denied' },
  },
  {
    name: 'operator',
    headers: await world.as('operator'),
    expects: { ...lets('passes'), tenant: 'tenant_access_denied' },
  },
  {
    name: 'owner with the key of another tenant',
    headers: { ...owner, ...keyHeaders({ id: acme.id, key: globex.key }) },
    expects: { ...lets('passes'), tenant: 'invalid_tenant_credentials' },
  },
  {
    name: 'owner in another tenant',
    headers: { ...owner, ...keyHeaders(globex) },
    expects: { ...lets('passes'), tenant: 'tenant_access_denied' },
  },
  {
    name: 'a bad token with a key',
    headers: { authorization: 'Bearer x', ...keyHeaders(acme) },
    expects: { ...lets('passes'), tenant: 'invalid_token' },
  },
]

t.test('the OpenAPI document describes a declared route as completely as a built-in route', async (t) => {
  t.ok(routes.length >= 8)
  t.same(contractViolations([...guardedRoutes(gateway.routes), ...routes], document), [])
  const operation = document.paths['/training/sessions/{id}']?.get as Record<string, unknown>
  t.match(operation, {
    operationId: 'training_get_sessions_by_id',
    tags: ['training'],
    'x-required-scopes': ['training:view'],
  })
  t.match(Object.keys((operation as { responses: object }).responses), ['200', '400', '401', '403', '408', '413'])
  t.match(JSON.stringify(operation), /upstream_timeout/)
  const socket = document.paths['/training/live']?.get as Record<string, unknown>
  t.match(socket, {
    operationId: 'training_websocket_live',
    summary: 'What happens, as it happens',
    tags: ['training'],
    security: operation.security,
    'x-required-scopes': ['training:view'],
    responses: { 101: {}, 401: {}, 403: {}, 429: {}, 502: {}, 503: {} },
  })
  for (const code of ['no_web_socket', 'refused_caller', 'rate_limited', 'busy']) {
    t.match(JSON.stringify(socket), new RegExp(`upstream_${code}`))
  }
})

t.test('every declared route gives every caller the response that its access in the manifest demands', async (t) => {
  const { violations, asked: requests } = await accessViolations(gateway, asked, CALLING, acme.id)
  t.same(violations, [])
  t.equal(requests, routes.length * CALLING.length)
})

// Attack: sends requests without access. A refused request must not reach the upstream, which would carry it out.
t.test('the gateway forwards only authorised requests', async (t) => {
  service.asked.length = 0
  const refused = CALLING.filter(({ expects }) => typeof expects.tenant === 'string')
  await accessViolations(gateway, asked, refused, acme.id)
  t.same(service.asked, [])
  await accessViolations(
    gateway,
    asked,
    CALLING.filter(({ name }) => name === 'owner'),
    acme.id,
  )
  t.equal(service.asked.length, routes.length)
})

t.test('the access matrix holds for declared routes as for routes of the data plane', async (t) => {
  const here = async (person: 'owner' | 'admin' | 'lead' | 'agent' | 'analyst') => ({
    headers: await world.as(person),
    tenant_id: acme.id,
  })
  const outsider = async (person: 'stranger' | 'pending' | 'disabled' | 'other_owner' | 'operator') => ({
    headers: await world.as(person),
    tenant_id: acme.id,
  })
  const callers = {
    nobody: { headers: {}, tenant_id: acme.id },
    key_alone: { headers: keyHeaders(acme), tenant_id: acme.id },
    stranger: await outsider('stranger'),
    pending: await outsider('pending'),
    disabled: await outsider('disabled'),
    other_owner: await outsider('other_owner'),
    operator: await outsider('operator'),
    analyst: await here('analyst'),
    agent: await here('agent'),
    lead: await here('lead'),
    admin: await here('admin'),
    owner: await here('owner'),
  }
  await gateway.sql(`update tenants set suspended_at = now() where id = '${globex.id}'`)
  const suspended_owner = {
    headers: { ...(await world.bearer('other_owner')), ...keyHeaders(globex) },
    tenant_id: globex.id,
  }
  const MEMBERS = ['analyst', 'agent', 'lead', 'admin', 'owner'] as const
  const policy = Object.fromEntries(
    routes.map((route) => [
      route.operation_id,
      route.access.scopes.length === 0 ? (['key_alone', ...MEMBERS] as const) : (['admin', 'owner'] as const),
    ]),
  )
  const { violations, checks } = await matrixViolations(
    gateway,
    asked,
    { ...callers, suspended_owner },
    { ...POLICY, ...policy },
  )
  t.same(violations, [])
  t.ok(checks > routes.length * CALLERS.length)
})

t.test('access/explain gives the decision that the request itself gets', async (t) => {
  for (const person of ['owner', 'agent', 'stranger'] as const) {
    for (const { method, url } of asked) {
      const path = url.replace(':id', 'x')
      const body = { user_id: world.ids[person], method, path }
      const explained = await ask(gateway, `/v1/tenants/${acme.id}/access/explain`, { headers: owner, body })
      const really = await ask(gateway, path, { method, headers: await world.as(person) })
      if (person === 'stranger') t.equal(explained.status, 404)
      else t.equal(explained.body.allowed, really.status === 400, `${person} ${method} ${path}: ${explained.text}`)
    }
  }
  for (const path of ['/training/nothing', '/training/Status', '/training/../training/status', '/training/status/']) {
    const body = { user_id: world.ids.owner, method: 'GET', path }
    t.equal((await ask(gateway, `/v1/tenants/${acme.id}/access/explain`, { headers: owner, body })).status, 404, path)
  }
})

t.test('access/explain gives the decision of a WebSocket handshake, and its scope lists the route', async (t) => {
  const explain = `/v1/tenants/${acme.id}/access/explain`
  const url = `${gateway.url.replace('http', 'ws')}/training/live`
  for (const person of ['owner', 'agent'] as const) {
    const body = { user_id: world.ids[person], method: 'GET', path: '/training/live' }
    const explained = await ask(gateway, explain, { headers: owner, body })
    const socket = new WebSocket(url, { headers: await world.as(person) })
    socket.on('error', () => undefined)
    // The service refuses the upgrade, so an authorised handshake gets 502.
    const ended = await Promise.race([
      once(socket, 'close').then(([code]) => code),
      once(socket, 'unexpected-response').then(([, { statusCode }]) => statusCode),
    ])
    socket.terminate()
    t.equal(ended, person === 'owner' ? 502 : 4403)
    t.match(explained.body, { allowed: person === 'owner', route: { url: '/training/live' } }, person)
  }
  const scopes = await ask(gateway, `/v1/tenants/${acme.id}/scopes`, { headers: owner })
  const view = scopes.body.data.find((each: { scope: string }) => each.scope === 'training:view')
  t.ok(view.routes.includes('GET /training/live'), scopes.text)
})

t.test('403 the refusal of a declared route is in the audit log of the tenant', async (t) => {
  const one = await startGatewayWith(t, manifest, { on: gateway.test_database })
  const refused = await ask(one, '/training/sessions/x', { headers: keyHeaders(acme) })
  t.equal(refused.status, 403)
  // Closing the gateway flushes the refusals to the database.
  await one.close()
  const rows = await gateway.sql(
    `select tenant_id, changes from audit_events where action = 'request.refused' and changes->>'route' = 'GET /training/sessions/:id'`,
  )
  t.match(rows, [{ tenant_id: acme.id, changes: { code: 'insufficient_scope' } }])
})

t.test('log and usage name the route template, never the path', async (t) => {
  const word = 'somebodys-private-id'
  await ask(gateway, `/training/sessions/${word}`, { headers: owner })
  await ask(gateway, `/training/${word}/x`, { headers: owner })
  await ask(gateway, `/training/sessions/${word}`, { headers: await world.as('agent') })
  const line = gateway.lines.findLast((each) => each.includes('"upstream":{'))
  t.match(JSON.parse(line ?? '{}'), {
    req: { method: 'GET', route: '/training/sessions/:id' },
    status: 400,
    upstream: { name: 'training', outcome: 'answered', status: 400, tries: 1 },
  })
  const path = `/v1/tenants/${acme.id}`
  const headers = await world.bearer('owner')
  const usage = await ask(gateway, `${path}/usage?group_by=route`, { headers })
  const groups = usage.body.data.map((each: { group: string }) => each.group)
  t.ok(groups.includes('GET /training/sessions/:id'), groups.join())
  t.notMatch(usage.text, word)
  t.ok(gateway.lines.some((each) => each.includes('insufficient_scope') && each.includes('/training/sessions/:id')))
})

t.test('the first segment of every route of the gateway is reserved', async (t) => {
  const first = new Set(guardedRoutes(gateway.routes).map(({ url }) => url.split('/')[1] ?? ''))
  t.ok(first.size >= 6)
  t.same(
    // The front page is at /. The prefix of an upstream has at least one segment.
    [...first].filter((name) => name !== '' && !RESERVED.has(name)),
    [],
  )
})
