import { once } from 'node:events'
import { reloadUpstreams } from '../../../../src/features/upstreams/pool/upstreams.js'
import { ask } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../../helpers/world.js'
import { startGatewayWith, startService, trainingManifest } from '../services.js'

const service = await startService()
const BASE = trainingManifest(service.origin)
const MORE = BASE.replace(
  '      - { method: GET, path: /open',
  '      - { method: GET, path: /new, scopes: [training:new] }\n      - { method: GET, path: /open',
).replace('      training:run:', '      training:new: Use what is new\n      training:run:')
const gateway = await startGatewayWith(t, BASE)
t.teardown(async () => {
  await gateway.close()
  await service.close()
})
const world = await buildWorld(gateway)
const { acme, ids } = world
const tenant = `/v1/tenants/${acme.id}`
const reload = (manifest: string) => {
  gateway.write(manifest)
  if (gateway.upstreams !== undefined) reloadUpstreams(gateway.upstreams, gateway.app.log)
}
const as = async (
  path: string,
  person: 'owner' | 'agent' | 'analyst' = 'owner',
  ask_for: { method?: string; body?: unknown } = {},
) => ask(gateway, path, { headers: await world.as(person), ...ask_for })
const said = (text: string) => gateway.lines.filter((line) => line.includes(text)).length

t.test('a new manifest is in force for the next request: routes, scopes, OpenAPI document, explanations', async (t) => {
  t.equal((await as('/training/new')).status, 404)
  t.equal((await as(`${tenant}/keys`, 'owner', { body: { name: 'x', scopes: ['training:new'] } })).status, 400)
  const before = (await ask(gateway, '/openapi.json')).body
  t.notOk(before.paths['/training/new'])
  reload(MORE)
  t.equal((await as('/training/new')).status, 200, 'an Owner has the new scope at once')
  t.match((await as('/training/new', 'agent')).body, { code: 'insufficient_scope', missing: ['training:new'] })
  const { body } = await ask(gateway, '/openapi.json')
  t.match(body.paths['/training/new'].get, { 'x-required-scopes': ['training:new'] })
  t.match((await ask(gateway, '/openapi.yaml')).text, /\/training\/new:/)
  t.match((await ask(gateway, '/docs/json')).body.paths, { '/training/new': {} })
  const explained = await as(`${tenant}/access/explain`, 'owner', {
    body: { user_id: ids.agent, method: 'GET', path: '/training/new' },
  })
  t.match(explained.body, {
    allowed: false,
    missing: ['training:new'],
    route: { url: '/training/new', access: 'tenant' },
  })
  const { data } = (await as(`${tenant}/scopes`)).body
  t.match(
    data.find((each: { scope: string }) => each.scope === 'training:new'),
    {
      meaning: 'Use what is new',
      is_known: true,
      routes: ['GET /training/new'],
      roles: ['Owner', 'Admin'],
    },
  )
  t.ok((await as('/v1/access')).body.scopes.some(({ scope }: { scope: string }) => scope === 'training:new'))
  t.equal(said('manifest of upstreams reloaded'), 1)
})

t.test('scopes of upstreams can be used in roles, keys and overrides like any other', async (t) => {
  const role = await as(`${tenant}/roles`, 'owner', {
    body: { name: 'Trainer', scopes: ['training:view', 'training:new'] },
  })
  t.equal(role.status, 201, role.text)
  t.equal((await as('/training/status', 'analyst')).status, 403)
  const path = `${tenant}/members/${ids.analyst}`
  const changed = await as(path, 'owner', { method: 'PATCH', body: { roles: ['Analyst', 'Trainer'] } })
  t.equal(changed.status, 200, changed.text)
  t.equal((await as('/training/status', 'analyst')).status, 200)
  t.match((await as('/training/start', 'analyst', { method: 'POST' })).body, { missing: ['training:run'] })
  const grant = { method: 'PUT', body: { effect: 'grant', reason: 'test' } }
  t.equal((await as(`${path}/overrides/training:run`, 'owner', grant)).status, 200)
  t.equal((await as('/training/start', 'analyst', { method: 'POST' })).status, 200)
  const key = await as(`${tenant}/keys`, 'owner', { body: { name: 'Trains', scopes: ['training:new'] } })
  t.equal(key.status, 201, key.text)
  const alone = keyHeaders({ id: acme.id, key: key.body.key })
  t.equal((await ask(gateway, '/training/new', { headers: alone })).status, 200)
  t.equal((await ask(gateway, '/training/status', { headers: alone })).status, 403)
})

t.test('a scope that the manifest no longer declares stays in its roles, and grants nothing', async (t) => {
  reload(BASE)
  t.equal((await as('/training/new')).status, 404)
  const { data } = (await as(`${tenant}/scopes`)).body
  const gone = data.find((each: { scope: string }) => each.scope === 'training:new')
  t.match(gone, { is_known: false, routes: [], roles: ['Trainer'] })
  const roles = (await as(`${tenant}/roles`)).body.data
  const trainer = roles.find((each: { name: string }) => each.name === 'Trainer')
  t.same(trainer.scopes, ['training:view', 'training:new'])
  const held = (await as('/v1/access', 'analyst')).body.scopes.map((each: { scope: string }) => each.scope)
  t.ok(held.includes('training:view') && !held.includes('training:new'), held.join())
  t.equal((await as('/training/status', 'analyst')).status, 200)
  // A caller with all scopes can still assign a role that names the undeclared scope.
  const given = await as(`${tenant}/members/${ids.agent}`, 'owner', {
    method: 'PATCH',
    body: { roles: ['Agent', 'Trainer'] },
  })
  t.equal(given.status, 200, given.text)
  t.equal(
    (await as(`${tenant}/keys`, 'owner', { body: { name: 'x', scopes: ['training:new'] } })).body.code,
    'validation_failed',
  )
})

t.test('a manifest with mistakes changes nothing, and the log has file, line and reason', async (t) => {
  const before = gateway.upstreams?.current()
  for (const bad of ['upstreams: [', BASE.replace('origin:', 'orign:'), BASE.replace('/training', '/v1')]) {
    reload(bad)
    t.equal(gateway.upstreams?.current(), before)
    t.equal((await as('/training/status')).status, 200)
  }
  t.equal(said('manifest of upstreams not reloaded'), 3)
  t.ok(gateway.lines.some((line) => /upstreams\.yaml:4: upstreams\[0\]\.orign is not known here/.test(line)))
  reload(BASE)
})

t.test(
  'a request finishes in the generation in which it began; the old connections are closed after that request',
  async (t) => {
    let goOn = () => {}
    const slow = await startService((request, response) => {
      response.write('begun, ')
      goOn = () => response.end('and ended')
      request.resume()
    })
    reload(trainingManifest(slow.origin))
    const old = gateway.upstreams?.current()
    const response = await fetch(`${gateway.url}/training/status`, { headers: await world.as('owner') })
    reload(BASE)
    const pools = [...(old?.upstreams.values() ?? [])].flatMap(({ backends }) =>
      backends.map(({ requests }) => requests.pool),
    )
    t.match((await as('/training/status')).body, { url: '/status' }, 'the next request goes to the new upstream')
    t.same(
      pools.map(({ destroyed }) => destroyed),
      [false],
      'the pool of the old generation is open while a request runs',
    )
    goOn()
    t.equal(await response.text(), 'begun, and ended')
    for (let tries = 0; tries < 200 && pools.some(({ destroyed }) => !destroyed); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    t.same(
      pools.map(({ destroyed }) => destroyed),
      [true],
    )
    await slow.close()
  },
)

t.test('200 every request under load while the manifest is reloaded', async (t) => {
  const headers = await world.as('owner')
  const statuses = new Map<number, number>()
  let is_done = false
  const callers = Array.from({ length: 8 }, async () => {
    for (let round = 0; round < 40; round += 1) {
      const { status } = await ask(gateway, `/training/sessions/${round}`, { headers })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  })
  const reloading = (async () => {
    for (let round = 0; !is_done; round += 1) {
      reload(round % 2 === 0 ? MORE : BASE)
      await new Promise((resolve) => setImmediate(resolve))
      await once(gateway.app.server, 'request').catch(() => undefined)
    }
  })()
  await Promise.all(callers)
  is_done = true
  await ask(gateway, '/livez')
  await reloading
  t.same([...statuses], [[200, 320]])
})
