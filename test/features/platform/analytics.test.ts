import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const DAY_MS = 86_400_000
const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const headers = await world.bearer('operator')
const get = (path: string) => ask(gateway, `/v1/platform/analytics/${path}`, { headers })
const daysAgo = (days: number) => new Date(gateway.clock.now() - days * DAY_MS).toISOString()
const count = (tenant_id: string, days: number, requests: number, code = '') =>
  gateway.sql(`insert into usage_hours values ('${tenant_id}', date_trunc('hour', '${daysAgo(days)}'::timestamptz), '',
    'GET /v1/customers', ${code === '' ? 200 : 403}, '${code}', ${requests}, 1, 1)`)

const old = await world.platform.write('tenant.created', (store) =>
  store.tenants.create({ name: 'Old', owner_id: ids.stranger }),
)
const gone = await world.platform.write('tenant.created', (store) =>
  store.tenants.create({ name: 'Gone', owner_id: ids.stranger }),
)
await gateway.sql(
  `update tenants set created_at = '${daysAgo(10)}', trial_ends_at = '${daysAgo(1)}' where id = '${old.tenant.id}'`,
)
await gateway.sql(`update tenants set deleted_at = now() where id = '${gone.tenant.id}'`)
await gateway.sql(`update users set created_at = '${daysAgo(10)}' where id in ('${ids.agent}', '${ids.lead}')`)
await count(acme.id, 0, 70)
await count(acme.id, 0, 30, 'insufficient_scope')
await count(globex.id, 0, 5)
await count(globex.id, 3, 500)
await count(gone.tenant.id, 3, 9_000)

t.test('200 the overview counts tenants and users, and the requests of the last day', async (t) => {
  await gateway.sql(`update tenants set suspended_at = now() where id = '${globex.id}'`)
  await gateway.sql(`update users set disabled_at = now() where id = '${ids.pending}'`)
  t.same((await get('overview')).body, {
    tenants: 3,
    suspended: 1,
    trials_over: 1,
    users: 10,
    users_disabled: 1,
    last_day: { requests: 105, refusals: 30, active_tenants: 2 },
  })
  await gateway.sql(`update tenants set suspended_until = '${daysAgo(1)}' where id = '${globex.id}'`)
  t.match((await get('overview')).body, { suspended: 0 }, 'an expired suspension does not count')
  await gateway.sql(`update tenants set suspended_at = null, suspended_until = null where id = '${globex.id}'`)
})

t.test('200 tenants are sorted by their number of requests in the time range', async (t) => {
  const rows = async (query: string) =>
    (await get(`tenants${query}`)).body.data.map(({ name, requests, refusals, members }: Record<string, unknown>) => [
      String(name).split(' ')[0],
      requests,
      refusals,
      members,
    ])
  t.same(await rows(''), [
    ['Globex', 505, 0, 1],
    ['Acme', 100, 30, 6],
    ['Old', 0, 0, 1],
  ])
  t.same(await rows(`?from=${daysAgo(1)}`), [
    ['Acme', 100, 30, 6],
    ['Globex', 5, 0, 1],
    ['Old', 0, 0, 1],
  ])
  t.same((await rows(`?from=${daysAgo(4)}&to=${daysAgo(2)}`)).slice(0, 1), [['Globex', 500, 0, 1]])
  t.notMatch((await get('tenants')).text, /customer|@people/, 'numbers only, no content of a request')
})

t.test('200 growth counts new tenants and users by day', async (t) => {
  const { body } = await get('growth')
  t.same(body.data, [
    { day: daysAgo(10).slice(0, 10), tenants: 1, users: 2 },
    { day: daysAgo(0).slice(0, 10), tenants: 3, users: 8 },
  ])
  t.same((await get(`growth?from=${daysAgo(20)}&to=${daysAgo(11)}`)).body.data, [])
  t.equal(Date.parse(body.to) - Date.parse(body.from), 30 * DAY_MS)
})

t.test('400 a time range that is empty, reversed or too long', async (t) => {
  const yesterday = daysAgo(1)
  for (const path of ['tenants', 'growth']) {
    for (const query of [
      `from=${daysAgo(1)}&to=${daysAgo(2)}`,
      `from=${yesterday}&to=${yesterday}`,
      `from=${daysAgo(402)}`,
      'from=0001-01-01T00:00:00Z&to=9999-01-01T00:00:00Z',
      'group_by=day',
    ]) {
      t.match(await get(`${path}?${query}`), { status: 400, body: { code: 'validation_failed' } }, `${path} ${query}`)
    }
  }
  t.equal((await get('overview?from=x')).status, 400)
})
