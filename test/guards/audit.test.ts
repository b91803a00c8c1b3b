import { open, tenant } from '../../src/kernel/request/access.js'
import { systemOrigin } from '../../src/kernel/store/audit-record.js'
import { openTestDatabase } from '../helpers/database.js'
import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld } from '../helpers/world.js'
import { askExample, auditViolations, eventsOf, isWriting, OF_CHANGES } from './audit.js'
import { examplesOf, integrationOf } from './examples.js'
import { guardedRoutes } from './route-table.js'

const test_database = await openTestDatabase()
const answers = (operationId: string) => ({
  operationId,
  response: { 200: { type: 'object' }, 201: { type: 'object' } },
})
const gateway = await startGateway({
  on: test_database,
  env: { ALLOW_REGISTRATION: 'true' },
  more: async (app) => {
    // The mistakes: a write without an event, a write with two events, one around the store, and one that throws.
    app.post('/guard/silent', { config: tenant('customers:edit'), schema: answers('silent') }, (request) =>
      request.tenant_store.write('customer.created', async () => ({})),
    )
    app.post('/guard/twice', { config: tenant('customers:edit'), schema: answers('twice') }, (request) =>
      request.tenant_store.write('customer.created', async (store) => {
        await store.customers.create({ name: 'Rolled back, one' })
        return store.customers.create({ name: 'Rolled back, two' })
      }),
    )
    app.post('/guard/around', { config: open(), schema: answers('around') }, async () => {
      await test_database.database.transaction({ role: 'gatehouse_platform', share: 'test' }, (run) =>
        run({ text: `update users set name = name`, values: [], row_mode: 'object' }),
      )
      return {}
    })
    app.post('/guard/breaks', { config: tenant('customers:edit'), schema: answers('breaks') }, (request) =>
      request.tenant_store.write('customer.created', async (store) => {
        await store.customers.create({ name: 'Rolled back, three' })
        throw new Error('after the change')
      }),
    )
  },
})
t.teardown(async () => {
  await gateway.close()
  await test_database.close()
})
const world = await buildWorld(gateway)
const writes = guardedRoutes(gateway.routes).filter(isWriting)
const real = writes.filter((route) => !route.url.startsWith('/guard/'))
const examples = examplesOf(gateway, world)

// A change without an event cannot be traced to its actor.
t.test(
  'every write records exactly one event with actor, action, target, tenant, address and request, and no secret',
  async (t) => {
    t.ok(real.length >= 45, `${real.length} writing routes`)
    t.same(await auditViolations(gateway, real, examples), [])
  },
)

t.test('the actor of a write by a key is the key, and not the user who created it', async (t) => {
  const route = real.find((each) => each.operation_id === 'createCustomer')
  if (route === undefined) throw new Error('there is no such route')
  const { answer, request_id } = await askExample(gateway, route, {
    headers: integrationOf(world),
    body: { name: 'By a key' },
  })
  t.equal(answer.status, 201, answer.text)
  const [event, ...others] = await eventsOf(gateway, request_id)
  t.match(event, { actor_kind: 'key', actor_id: world.acme.integration_key_id, action: 'customer.created' })
  t.same(others, [])
})

// An event for a refused request would report a change that did not happen.
t.test('a refused request records no event of a change', async (t) => {
  let refused = 0
  for (const route of real) {
    const example = await examples[route.operation_id]?.()
    const spoiled = [
      { ...example, headers: { ...example?.headers, authorization: 'Bearer x' } },
      { ...example, headers: example?.headers ?? {}, body: { no_such_field: 1 } },
    ]
    for (const each of route.access.kind === 'open' ? spoiled.slice(1) : spoiled) {
      if (each.body !== undefined && route.schema.body === undefined && each.body !== example?.body) continue
      const { answer, request_id } = await askExample(gateway, route, each)
      if (answer.status < 400) t.fail(`${route.name} answered ${answer.status}`)
      const told = await eventsOf(gateway, request_id)
      if (told.length > 0) t.fail(`${route.name} was refused with ${answer.status}, and the audit tells of it as done`)
      refused += 1
    }
  }
  t.ok(refused > real.length, `${refused} refusals`)
})

t.test('a second request that changes nothing records no event', async (t) => {
  // The status of the second request. After logout and revokeOwnKey the credential of the caller is no longer valid.
  const again: Record<string, number> = {
    activateTenant: 200,
    disableUser: 200,
    enableUser: 200,
    revokeKey: 204,
    revokeInvitation: 204,
    updateKey: 200,
    logout: 401,
    revokeOwnKey: 401,
    updateConversation: 200,
    handOffConversation: 200,
    markRead: 200,
    updateConversationMember: 200,
    updateMessage: 200,
    deleteMessage: 204,
  }
  const idle = real.filter((each) => again[each.operation_id] !== undefined)
  t.equal(idle.length, Object.keys(again).length)
  for (const route of idle) {
    const example = await examples[route.operation_id]?.()
    if (example === undefined) throw new Error(route.name)
    await askExample(gateway, route, example)
    const { answer, request_id } = await askExample(gateway, route, example)
    t.equal(answer.status, again[route.operation_id], `${route.name} ${answer.text}`)
    t.same(await eventsOf(gateway, request_id), [], route.name)
  }
})

// A change must not be committed without its event, and an event not without its change.
t.test('500 a write that makes no event or two, or throws after its change, is rolled back', async (t) => {
  for (const path of ['/guard/silent', '/guard/twice', '/guard/breaks']) {
    const changes = () => gateway.sql(`select count(*)::int as events from audit_events where ${OF_CHANGES}`)
    const before = await changes()
    const answer = await ask(gateway, path, { method: 'POST', headers: await world.as('owner') })
    t.equal(answer.status, 500)
    t.equal(answer.body.code, 'internal_error')
    t.same(await changes(), before, path)
    t.same(await gateway.sql(`select name from customers where name like 'Rolled back%'`), [], path)
  }
})

t.test('a change is rolled back if its event cannot be written, because both are one transaction', async (t) => {
  const unwritable = gateway.stores.platform(() => systemOrigin('\u0000'))
  const [before] = await gateway.sql(`select name from users where id = '${world.ids.agent}'`)
  await t.rejects(unwritable.write('user.updated', (store) => store.users.rename(world.ids.agent, 'Renamed')))
  t.same(await gateway.sql(`select name from users where id = '${world.ids.agent}'`), [before])
})

t.test('the guard finds a write without an event, and a route without an example', async (t) => {
  const bad = writes.filter((route) => ['around', 'silent', 'breaks'].includes(route.operation_id))
  const event = { action: 'customer.created', actor_kind: 'user', actor_id: null, target_kind: 'customer' } as const
  const violations = await auditViolations(gateway, bad, {
    around: async () => ({ headers: {}, event }),
    silent: async () => ({ headers: await world.as('owner'), event }),
  })
  t.match(violations.join('\n'), /\/guard\/around: left 0 events, not one/)
  t.match(violations.join('\n'), /\/guard\/silent: left 0 events, not one/)
  t.match(violations.join('\n'), /\/guard\/breaks: no example says which event it leaves/)
})
