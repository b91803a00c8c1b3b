import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld } from '../helpers/world.js'
import { eventsOf } from './audit.js'
import { type Example, examplesOf } from './examples.js'
import { type GuardedRoute, guardedRoutes, pathOf } from './route-table.js'

const gateway = await startGateway({ env: { ALLOW_REGISTRATION: 'true' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const examples = examplesOf(gateway, world)
const posts = guardedRoutes(gateway.routes).filter(({ method }) => method === 'POST')
const creating = posts.filter(({ schema }) => '201' in (schema.response as object))

/** POSTs that create nothing that a second sending would make twice, each with the reason. The list only shrinks. */
const NOT_CREATING: Readonly<Record<string, string>> = {
  login: 'a second session is what a second login is',
  refresh: 'within ten seconds the same token gives the same successor',
  logout: 'ends, and ending twice is ending once',
  register: 'the answer is the same however often, and the account is one by its address',
  requestPasswordReset: 'a newer link ends the older one',
  requestEmailVerification: 'a newer link ends the older one',
  acceptInvitation: 'a link works once',
  declineInvitation: 'a link works once',
  resendInvitation: 'a newer link ends the older one',
  explainAccess: 'a question',
  suspendTenant: 'a state',
  activateTenant: 'a state',
  lockDownTenant: 'a state',
  disableUser: 'a state',
  enableUser: 'a state',
  unlockUser: 'a state',
  handOffConversation: 'a state',
  reviewReport: 'decided once; a second decision is refused',
  dismissReport: 'decided once; a second decision is refused',
}

t.test('every POST takes an Idempotency-Key, or says why it needs none', async (t) => {
  const without = posts.filter((route) => !creating.includes(route)).map(({ operation_id }) => operation_id)
  t.same(
    without.filter((operation_id) => NOT_CREATING[operation_id] === undefined),
    [],
    'a POST that creates answers 201; one that does not is listed here with the reason',
  )
  t.same(
    Object.keys(NOT_CREATING).filter((operation_id) => !without.includes(operation_id)),
    [],
    'nothing is excused that is not there',
  )
})

// Stops a lost answer from being a second key, member, role, invitation, user, tenant or customer.
t.test('every creating POST replays its answer, makes nothing twice, and refuses another body', async (t) => {
  t.ok(creating.length >= 10, `${creating.length} creating routes`)
  let mismatches = 0
  for (const route of creating) {
    const example = await examples[route.operation_id]?.()
    if (example === undefined) throw new Error(`${route.name} has no example`)
    const key = `guard-${route.operation_id}`
    const first = await send(route, example, key, `${key}-1`)
    const again = await send(route, example, key, `${key}-2`)
    t.equal(first.status, 201, `${route.name}: ${first.text}`)
    t.same([again.status, again.headers.get('idempotency-replayed')], [201, 'true'], route.name)
    t.equal(again.text, first.text, route.name)
    t.equal((await eventsOf(gateway, `${key}-1`)).length, 1)
    t.same(await eventsOf(gateway, `${key}-2`), [], `${route.name}: a replay changes nothing`)
    const body = anotherBody(example.body)
    if (body === undefined) continue
    const other = await send(route, { ...example, body }, key, `${key}-3`)
    t.match(other, { status: 422, body: { code: 'idempotency_mismatch' } }, route.name)
    mismatches += 1
  }
  t.ok(mismatches >= 10, `${mismatches} of them were sent another body`)
})

t.test('the document says so of each of them, and of no other route', async (t) => {
  const { paths } = (await ask(gateway, '/openapi.json')).body
  for (const route of guardedRoutes(gateway.routes)) {
    const operation = paths[route.url.replaceAll(/:([a-z_]+)/g, '{$1}')]?.[route.method.toLowerCase()]
    const named = (operation?.parameters ?? []).some(({ name }: { name: string }) => name === 'Idempotency-Key')
    const is_creating = creating.some(({ operation_id }) => operation_id === route.operation_id)
    t.equal(named, is_creating, route.name)
    if (is_creating)
      t.ok(
        ['400', '409', '422'].every((status) => status in operation.responses),
        route.name,
      )
  }
})

function send(route: GuardedRoute, { headers, params, body }: Example, key: string, request_id: string) {
  return ask(gateway, pathOf(route.url, params ?? {}), {
    method: 'POST',
    headers: { ...headers, 'idempotency-key': key, 'x-request-id': request_id },
    body,
  })
}

/** Another body that the route takes as well; undefined for one of which nothing here can be changed. */
function anotherBody(body: unknown): unknown {
  const given = { ...(body as Record<string, unknown>) }
  if (typeof given.name === 'string') return { ...given, name: `${given.name} too` }
  if (typeof given.email === 'string') return { ...given, email: `too-${given.email}` }
  if (typeof given.overlap_seconds === 'number') return { ...given, overlap_seconds: given.overlap_seconds + 1 }
  return undefined
}
