import { TABLE } from '../../../src/app/pipeline/index.js'
import type { Row } from '../../../src/app/pipeline/row.js'
import type { ProblemCode } from '../../../src/contract/problems/catalogue.js'
import type { Rule } from '../../../src/kernel/authz/rules.js'
import type { Step } from '../../../src/kernel/request/gate.js'
import { startGatewayWith, startService } from '../../features/upstreams/services.js'
import { startGateway, type TestGateway } from '../../helpers/gateway.js'
import { ask, askRaw } from '../../helpers/requests.js'
import { openSocket } from '../../helpers/sockets.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'
import { head, sendBytes } from '../http/raw-socket.js'

/** The codes that each row has returned, by the position of the row in the table. */
const returned = TABLE.map(() => new Set<ProblemCode>())

/** Returns the table with rows that record the codes which they return. */
function watched(table: readonly Row[]): readonly Row[] {
  return table.map((row, position) => watchedRow(row, (code) => void returned[position]?.add(code)))
}

function watchedRow({ step, rule, onRefusal, ...row }: Row, note: (code: ProblemCode) => void): Row {
  return {
    ...row,
    ...(step !== undefined && {
      step: async (...request) => {
        const problem = await step(...request)
        if (problem !== undefined) note(problem.code)
        return problem
      },
    }),
    ...(rule !== undefined && {
      rule: {
        ...rule,
        check: (...facts) => {
          const problem = rule.check(...facts)
          if (problem !== undefined && onRefusal === undefined) note(problem.code)
          return problem
        },
      },
    }),
    ...(onRefusal !== undefined && {
      onRefusal: async (...refusal) => {
        const problem = await onRefusal(...refusal)
        note(problem.code)
        return problem
      },
    }),
  }
}

const service = await startService()
const manifest = `upstreams:
  - name: live
    prefix: /live
    origin: ${JSON.stringify(service.origin)}
    scopes: { 'live:view': See what happens }
    routes: [{ method: GET, path: /status, scopes: [], budget: 1/60 }]
`
const gateway = await startGatewayWith(t, manifest, {
  table: watched,
  env: { BUDGET_OPERATOR: '1/60', BUDGET_USER: '2/60' },
})
t.teardown(async () => {
  await gateway.close()
  await service.close()
})
const world = await buildWorld(gateway)
const { acme, ids } = world

const get = async (path: string, headers: Record<string, string> = {}, from: Pick<TestGateway, 'url'> = gateway) =>
  (await ask(from, path, { headers })).body?.code
const keyOf = async (of: { id: string; store: typeof acme.store }, more = {}) => {
  const { key } = await of.store.write('tenant_key.created', (store) =>
    store.keys.create({ name: 'Made', scopes: ['customers:edit'], ...more }),
  )
  return keyHeaders({ id: of.id, key })
}

t.test('each row refuses with each code that it lists', async (t) => {
  const owner = await world.as('owner')
  const keys = keyHeaders(acme)

  await sendBytes(gateway, head('GET /livez HTTP/1.1'))
  await askRaw(gateway, '/livez', { lines: ['X-Tenant-Id', 'a', 'X-Tenant-Id', 'b'] })
  await get('/livez?access_token=secret')
  await openSocket(gateway, '/livez').answer()
  await get(`/problems/${'x'.repeat(101)}`)
  await askRaw(gateway, '/livez', { lines: Array.from({ length: 110 }, (_, line) => [`X-${line}`, 'a']).flat() })
  const narrow = await startGateway({ table: watched, env: { BUDGET_ADDRESS: '1/60' }, on: gateway.test_database })
  await get('/docs', {}, narrow)
  await get('/docs', {}, narrow)
  await narrow.close()

  const stream = '/v1/conversations/019a0000-0000-7000-8000-000000000000/stream'
  const strict = await startGateway({
    table: watched,
    env: { BUDGET_REFUSED: '1/60', BUDGET_USER: '1/60' },
    on: gateway.test_database,
  })
  for (let count = 0; count < 2; count += 1) {
    await get(`${stream}?token=unknown`, {}, strict)
    await get('/v1/customers', { ...keys, 'x-tenant-api-key': 'unknown' }, strict)
    await get('/v1/me', { authorization: 'Bearer forged' }, strict)
  }
  await strict.close()
  await get(`${stream}?token=unknown`)
  await get(`${stream}?token=unknown`, keys)
  await get('/v1/customers')
  await get('/v1/customers', { ...keys, 'x-tenant-api-key': 'unknown' })
  await get('/v1/customers', await keyOf(acme, { allowed_cidrs: ['10.0.0.0/8'] }))
  await get('/v1/customers', { ...keys, origin: 'https://evil.example' })
  const spent = await keyOf(acme, { requests_per_minute: 1 })
  await get('/v1/customers', spent)
  await get('/v1/customers', spent)
  await get('/live/status', owner)
  await get('/live/status', owner)

  await get('/v1/me')
  await get('/v1/me', { authorization: 'Bearer forged' })
  await get('/v1/customers', await world.as('stranger'))
  await get('/v1/platform/tenants', owner)
  const operator = await world.bearer('operator')
  await gateway.sql(`update operators set privileges = '{}' where user_id = '${ids.operator}'`)
  await get('/v1/platform/tenants', operator)
  await get('/v1/platform/tenants', operator)
  await get('/v1/customers', await world.as('analyst'))

  await gateway.sql(`update tenants set suspended_at = now() where id = '${acme.id}'`)
  await get('/v1/customers', keys)
  await get(`/v1/tenants/${acme.id}`, owner)
  await get('/v1/me', owner)
  await get('/v1/me', owner)

  for (const [position, { refuses }] of TABLE.entries()) {
    t.same([...(returned[position] ?? [])].sort(), [...refuses].sort(), `row ${position}`)
  }
})

/** Whether a row that lists some codes accepts a rule, or a step, that returns other codes. */
type RowTakes<Listed extends ProblemCode, Returned extends ProblemCode> = readonly [
  Rule<Returned> extends Rule<Listed> ? true : false,
  Step<Returned> extends Step<Listed> ? true : false,
]

t.test('a row that returns an unlisted code does not compile', (t) => {
  const listed: RowTakes<'tenant_suspended' | 'rate_limited', 'rate_limited'> = [true, true]
  const unlisted: RowTakes<'tenant_suspended', 'rate_limited'> = [false, false]
  t.same(
    [listed, unlisted],
    [
      [true, true],
      [false, false],
    ],
  )
  t.end()
})
