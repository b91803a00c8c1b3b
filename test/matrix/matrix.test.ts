import { makeUser } from '../guards/examples.js'
import { guardedRoutes } from '../guards/route-table.js'
import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld, keyHeaders, PASSWORD, type Person } from '../helpers/world.js'
import { type MatrixCallers, matrixViolations, unmatchedLines } from './matrix.js'
import { CALLERS, POLICY } from './policy.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme } = world
const routes = guardedRoutes(gateway.routes)

async function suspendedOwner() {
  const { id, email } = await makeUser(gateway, world)
  const { tenant, key } = await world.platform.write('tenant.created', (store) =>
    store.tenants.create({ name: 'Suspended', owner_id: id }, { name: 'First key', scopes: [] }),
  )
  await world.platform.write('tenant.suspended', (store) =>
    store.platform_tenants.suspend(tenant.id, 'Unpaid', undefined),
  )
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email, password: PASSWORD } })
  const authorization = `Bearer ${body.access}`
  return {
    headers: { authorization, ...keyHeaders({ id: tenant.id, key: key as string }) },
    tenant_id: tenant.id,
  }
}

async function everybody(): Promise<MatrixCallers> {
  const here = async (person: Person) => ({ headers: await world.as(person), tenant_id: acme.id })
  return {
    nobody: { headers: {}, tenant_id: acme.id },
    key_alone: { headers: keyHeaders(acme), tenant_id: acme.id },
    stranger: await here('stranger'),
    pending: await here('pending'),
    disabled: await here('disabled'),
    analyst: await here('analyst'),
    agent: await here('agent'),
    lead: await here('lead'),
    admin: await here('admin'),
    owner: await here('owner'),
    other_owner: await here('other_owner'),
    suspended_owner: await suspendedOwner(),
    operator: await here('operator'),
  }
}

const callers = await everybody()

t.test('every operation has a line in the policy, and every line has an operation', async (t) => {
  t.same(unmatchedLines(routes, POLICY), [])
  const { getMe: _getMe, ...without } = POLICY
  t.same(unmatchedLines(routes, { ...without, eraseAll: [] }), ['getMe has no line', 'eraseAll is no operation'])
})

// Attack: a caller uses a route whose declared access is wrong. The guards test routes against their own declarations.
// This test compares them with the policy, which people wrote by hand.
t.test('every route allows the callers of the policy, and refuses all others with the expected code', async (t) => {
  const changes = () =>
    gateway.sql(
      `select count(*)::int as n from audit_events where action not in ('request.refused', 'login.failed', 'budget.exceeded')`,
    )
  const before = await changes()
  const { violations, checks } = await matrixViolations(gateway, routes, callers, POLICY)
  t.same(violations, [])
  const reads = routes.filter((route) => route.method === 'GET').length
  t.equal(checks, (routes.length + reads) * CALLERS.length, `${checks} checks`)
  t.ok(routes.length >= 80 && checks >= 1_500, `${routes.length} routes, ${checks} checks`)
  t.same(await changes(), before, 'the requests changed nothing')
  t.comment(`${routes.length} routes x ${CALLERS.length} callers: ${checks} checks`)
})

t.test('the matrix finds a route that allows too many callers, or too few', async (t) => {
  const some = routes.filter((route) => ['listKeys', 'getAccess', 'deleteTenant'].includes(route.operation_id))
  const wrong = {
    listKeys: ['admin', 'owner', 'analyst'],
    getAccess: ['analyst', 'agent', 'lead', 'admin', 'owner'],
    deleteTenant: ['owner', 'stranger'],
  } as const
  const { violations } = await matrixViolations(gateway, some, callers, wrong)
  t.same(violations.sort(), [
    'DELETE /v1/tenants/:tenant_id as stranger: tenant_access_denied, not passes',
    'GET /v1/access as key_alone: passes, not insufficient_scope',
    'GET /v1/tenants/:tenant_id/keys as analyst: insufficient_scope, not passes',
  ])
})
