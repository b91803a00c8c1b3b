import { openUsageRecorder, type UsageCount } from '../../../src/features/usage/recorder.js'
import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import type { Database } from '../../../src/kernel/database/database.js'
import { openTestDatabase } from '../../helpers/database.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, keyHeaders, login, PASSWORD } from '../../helpers/world.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const test_database = await openTestDatabase()
const signing_keys = generateSigningKeys()
const outage = { is: false }
/** The database, which refuses transactions while `outage.is` is true. */
const database: Database = {
  ...test_database.database,
  transaction: (binding, work) =>
    outage.is
      ? Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
      : test_database.database.transaction(binding, work),
}
const gateway = await startGateway({ on: { ...test_database, database }, signing_keys })
t.teardown(async () => {
  await gateway.close()
  await test_database.close()
})
const world = await buildWorld(gateway)
const { acme, globex } = world
const usageOf = async (query: string, person: 'owner' | 'other_owner' | 'analyst' = 'owner') => {
  const { id } = person === 'other_owner' ? globex : acme
  return ask(gateway, `/v1/tenants/${id}/usage${query}`, { headers: await world.bearer(person) })
}
/** Requests and refusals by group. */
const sums = async (query: string) => {
  const answer = await usageOf(query)
  if (answer.status !== 200) throw new Error(answer.text)
  const rows = answer.body.data as { group: string; requests: number; refusals: number }[]
  return Object.fromEntries(rows.map(({ group, requests, refusals }) => [group, [requests, refusals]]))
}

// Noon is the beginning of an hour, so each of the next requests falls into the hour that the test expects.
const NOON_MS = Math.ceil(gateway.clock.now() / DAY_MS) * DAY_MS + DAY_MS / 2
const setClock = (time_ms: number) => gateway.clock.advance(time_ms - gateway.clock.now())
const at = (time_ms: number) => new Date(time_ms).toISOString()
const integration = keyHeaders({ id: acme.id, key: acme.integration_key })
const alone = keyHeaders(acme)
const get = (path: string, headers: Record<string, string>) => ask(gateway, path, { headers })

setClock(NOON_MS)
await get('/v1/customers', integration)
await get('/v1/customers', integration)
await get('/v1/customers', alone)
setClock(NOON_MS + HOUR_MS)
await get('/v1/customers/00000000-0000-4000-8000-000000000000', integration)
await get('/v1/customers?nonsense=1', integration)
await ask(gateway, '/v1/customers', { headers: integration, body: { name: 'Counted' } })
setClock(NOON_MS + DAY_MS)
await get('/v1/customers', integration)
await get('/v1/customers', keyHeaders(globex))

const SPAN = `from=${at(NOON_MS)}&to=${at(NOON_MS + HOUR_MS + DAY_MS)}`

t.test('200 groups by key have the name that the key has now; other groups have none', async (t) => {
  const names = async (query: string) =>
    Object.fromEntries(
      (await usageOf(query)).body.data.map(({ group, name }: Record<string, unknown>) => [group, name]),
    )
  const id = acme.integration_key_id
  t.equal((await names('?group_by=key'))[id], 'Integration')
  t.equal((await names('?group_by=key'))[''], null, 'requests without a key')
  await test_database.sql(`update tenant_keys set name = 'Nightly', revoked_at = now() where id = '${id}'`)
  t.equal((await names('?group_by=key'))[id], 'Nightly', 'a revoked key')
  await test_database.sql(`update tenant_keys set name = 'Integration', revoked_at = null where id = '${id}'`)
  t.ok(Object.values(await names('?group_by=status')).every((name) => name === null))
})

t.test('200 requests and refusals by key, route, status, code, hour and day', async (t) => {
  const by_key = await sums(`?group_by=key&${SPAN}`)
  t.same(by_key[acme.integration_key_id], [6, 2])
  t.same(by_key[acme.key.slice(4, 16)], [1, 1])
  const by_route = await sums(`?group_by=route&${SPAN}`)
  t.same(by_route['GET /v1/customers'], [5, 2], 'a route template, whatever the query')
  t.same(by_route['GET /v1/customers/:id'], [1, 1], 'a route template, whatever the id')
  t.same(by_route['POST /v1/customers'], [1, 0])
  const by_status = await sums(`?group_by=status&${SPAN}`)
  t.match(by_status, { 201: [1, 0], 400: [1, 1], 403: [1, 1], 404: [1, 1] })
  const by_code = await sums(`?group_by=code&${SPAN}`)
  t.match(by_code, { insufficient_scope: [1, 1], not_found: [1, 1], validation_failed: [1, 1] })
  const by_hour = await sums(`?group_by=hour&${SPAN}`)
  t.same(
    [by_hour[at(NOON_MS)], by_hour[at(NOON_MS + HOUR_MS)]],
    [
      [3, 1],
      [3, 2],
    ],
  )
  const by_day = await sums(`?group_by=day&${SPAN}`)
  t.same(by_day[at(NOON_MS).slice(0, 10)], [6, 3])
  t.same(Object.keys(by_day), [at(NOON_MS).slice(0, 10), at(NOON_MS + DAY_MS).slice(0, 10)])
  const { body } = await usageOf(`?${SPAN}`)
  t.equal(body.group_by, 'day', 'the default')
  for (const row of body.data) {
    t.ok(row.duration_ms_average > 0 && row.duration_ms_max >= row.duration_ms_average, JSON.stringify(row))
  }
})

t.test('200 a time range is whole hours without its last one, and the response names it', async (t) => {
  const inside = at(NOON_MS + 30 * 60_000)
  const { body } = await usageOf(`?group_by=hour&from=${inside}&to=${inside.replace(':30:', ':40:')}`)
  t.match(body, { from: at(NOON_MS), to: at(NOON_MS + HOUR_MS) })
  t.same(
    body.data.map(({ group, requests }: { group: string; requests: number }) => [group, requests]),
    [[at(NOON_MS), 3]],
  )
  const last_week = await usageOf('')
  t.equal(Date.parse(last_week.body.to) - Date.parse(last_week.body.from), 7 * DAY_MS)
  t.ok(Date.parse(last_week.body.to) > gateway.clock.now(), 'up to the current hour')
})

// Attack: asks for a time range so long that the response has no bound.
t.test('400 a time range that is empty, reversed or too long, and an unknown group', async (t) => {
  const wrong = [
    `from=${at(NOON_MS)}&to=${at(NOON_MS)}`,
    `from=${at(NOON_MS + DAY_MS)}&to=${at(NOON_MS)}`,
    `from=${at(NOON_MS - 401 * DAY_MS)}&to=${at(NOON_MS)}`,
    `group_by=hour&from=${at(NOON_MS - 41 * DAY_MS)}&to=${at(NOON_MS)}`,
    'from=1900-01-01T00:00:00Z&to=1900-01-02T00:00:00Z',
    'group_by=tenant',
    'group_by=__proto__',
    'group_by=',
    'group_by=day&group_by=hour',
    'limit=5',
  ]
  for (const query of wrong) {
    t.match(await usageOf(`?${query}`), { status: 400, body: { code: 'validation_failed' } }, query)
  }
  t.equal((await usageOf(`?group_by=hour&from=${at(NOON_MS - 40 * DAY_MS)}&to=${at(NOON_MS)}`)).status, 200)
})

t.test('200 403 a tenant sees only its own usage, and a user without the scope is refused', async (t) => {
  const { body } = await usageOf(`?group_by=key&${SPAN}`, 'other_owner')
  t.match(
    body.data.map(({ group }: { group: string }) => group),
    [/^$|^[0-9A-Za-z]{12}$/],
  )
  t.notOk(JSON.stringify(body).includes(acme.integration_key_id))
  t.equal((await usageOf('', 'analyst')).status, 200)
  const path = `/v1/tenants/${globex.id}/usage`
  t.match(await get(path, await world.bearer('owner')), { status: 403, body: { code: 'tenant_access_denied' } })
  t.match(await get(`/v1/tenants/${acme.id}/usage`, await world.bearer('agent')), { status: 403 })
})

const LOGIN = { email: emailOf('owner'), password: PASSWORD }

// Requests during a database outage must be counted too.
t.test('200 no count is lost or repeated while the database is unavailable for a short time', async (t) => {
  setClock(NOON_MS + 3 * DAY_MS)
  const authorization = `Bearer ${(await ask(gateway, '/v1/auth/login', { body: LOGIN })).body.access}`
  const span = `from=${at(NOON_MS + 3 * DAY_MS)}&to=${at(NOON_MS + 4 * DAY_MS)}`
  const asked = () =>
    ask(gateway, `/v1/tenants/${acme.id}/usage?group_by=route&${span}`, { headers: { authorization } })
  for (let count = 0; count < 5; count += 1) await get('/v1/access', alone)
  outage.is = true
  const during = await asked()
  t.equal(during.status, 200, 'usage that is stored already')
  t.notMatch(during.text, /\/v1\/access/)
  for (let count = 0; count < 4; count += 1) t.equal((await get('/v1/access', alone)).status, 200)
  await asked()
  outage.is = false
  const after = await asked()
  t.match(
    after.body.data.find(({ group }: { group: string }) => group === 'GET /v1/access'),
    { requests: 9, refusals: 0 },
  )
  const again = await asked()
  t.match(
    again.body.data.find(({ group }: { group: string }) => group === 'GET /v1/access'),
    { requests: 9 },
    'each request is counted once',
  )
})

t.test('the number of unwritten counters is bounded, and the recorder reports the dropped requests', async (t) => {
  let written: readonly UsageCount[] = []
  let is_down = true
  const recorder = openUsageRecorder(Date.now, async (counts) => {
    if (is_down) throw new Error('down')
    written = counts
  })
  const served = { tenant_id: 't', route: 'GET /', status: 200, code: '', duration_ms: 2 }
  for (let number = 0; number < 50_010; number += 1) recorder.record({ ...served, key_id: String(number) })
  await t.rejects(recorder.flush(), { message: 'down' })
  recorder.record({ ...served, key_id: '7', duration_ms: 5 })
  recorder.record({ ...served, key_id: 'new' })
  t.equal(recorder.dropped(), 11)
  is_down = false
  t.equal(await recorder.flush(), 50_000)
  t.match(
    written.find(({ key_id }) => key_id === '7'),
    { requests: 2, duration_ms_sum: 7, duration_ms_max: 5 },
    'an existing counter still counts',
  )
  t.equal(await recorder.flush(), 0)
})

// Counting must not make requests slow.
t.test('counting a request takes less than 8 times as long as one JSON round trip of a short record', (t) => {
  const recorder = openUsageRecorder(Date.now, async () => undefined)
  const served = { tenant_id: acme.id, route: 'GET /v1/customers', status: 200, code: '', duration_ms: 2 }
  const COUNT = 100_000
  const best = { record: Number.POSITIVE_INFINITY, json: Number.POSITIVE_INFINITY }
  const measure = (what: keyof typeof best, work: (number: number) => unknown) => {
    const before = process.hrtime.bigint()
    for (let number = 0; number < COUNT; number += 1) work(number)
    best[what] = Math.min(best[what], Number(process.hrtime.bigint() - before) / COUNT)
  }
  // The two measurements alternate, so that load on the machine affects both.
  for (let round = 0; round < 7; round += 1) {
    measure('record', (number) => recorder.record({ ...served, key_id: `key${number % 50}` }))
    measure('json', (number) => JSON.parse(JSON.stringify({ ...served, key_id: `key${number % 50}` })))
  }
  t.comment(`${best.record.toFixed(0)} ns a request, ${best.json.toFixed(0)} ns for JSON`)
  t.ok(best.record < 8 * best.json, `${(best.record / best.json).toFixed(1)} times as long`)
  t.end()
})

// A client that sums the groups of a response must learn that some are missing.
t.test('200 a response says whether it holds every group', async (t) => {
  const hour = at(Math.floor((NOON_MS + DAY_MS) / HOUR_MS) * HOUR_MS)
  const path = `/v1/tenants/${globex.id}/usage?group_by=route&${SPAN}`
  const { access } = await login(gateway, 'other_owner')
  const headers = { authorization: `Bearer ${access}` }
  t.match(await get(path, headers), { status: 200, body: { is_cut: false } })
  await gateway.sql(`insert into usage_hours select '${globex.id}', '${hour}', '', 'GET /many/' || number, 200, '', 1, 1, 1
    from generate_series(1, 1001) as number`)
  const cut = await get(path, headers)
  t.match(cut, { status: 200, body: { is_cut: true } })
  t.equal(cut.body.data.length, 1000)
})
