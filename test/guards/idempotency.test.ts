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

/** The POSTs that need no Idempotency-Key, each with the reason. Do not add a POST that can take one. */
const NOT_CREATING: Readonly<Record<string, string>> = {
  login: 'a second login is a second session',
  refresh: 'within ten seconds the same token gives the same successor',
  logout: 'a session that is revoked twice is revoked',
  register: 'the response is always the same, and an email address has at most one user',
  requestPasswordReset: 'a newer link revokes the older one',
  requestEmailVerification: 'a newer link revokes the older one',
  acceptInvitation: 'a link works once',
  declineInvitation: 'a link works once',
  joinInvitation: 'a link works once, and an email address has at most one user',
  submitInvitationPage: 'a link works once',
  submitResetRequestPage: 'within two minutes of a link, a second request sends none',
  submitResetPage: 'a link works once',
  submitVerificationPage: 'a link works once',
  acceptMembership: 'a pending membership is accepted once',
  declineMembership: 'a pending membership is declined once',
  acceptAppointment: 'an offer is accepted once',
  declineAppointment: 'an offer is declined once',
  resendInvitation: 'a newer link revokes the older one',
  explainAccess: 'it changes nothing',
  suspendTenant: 'it sets a state',
  activateTenant: 'it sets a state',
  lockDownTenant: 'it sets a state',
  disableUser: 'it sets a state',
  enableUser: 'it sets a state',
  unlockUser: 'it sets a state',
  handOffConversation: 'it sets a state',
  reviewReport: 'the gateway refuses a second decision',
  dismissReport: 'the gateway refuses a second decision',
}

t.test('every POST takes an Idempotency-Key, or the list above gives the reason why it needs none', async (t) => {
  const without = posts.filter((route) => !creating.includes(route)).map(({ operation_id }) => operation_id)
  t.same(
    without.filter((operation_id) => NOT_CREATING[operation_id] === undefined),
    [],
    'POSTs without a 201 response that the list does not name',
  )
  t.same(
    Object.keys(NOT_CREATING).filter((operation_id) => !without.includes(operation_id)),
    [],
    'entries of the list without such a POST',
  )
})

/** The creating POSTs that refuse a repeated request, each with the reason and the code of the refusal. */
const NOT_REPLAYED: Readonly<Record<string, readonly [reason: string, code: string]>> = {
  rotateOwnKey: ['the old secret must not receive the new one', 'superseded_secret'],
}

// A client that lost the response sends the POST again. It must not create a second resource.
t.test('every creating POST replays its response, creates nothing twice, and refuses another body', async (t) => {
  t.ok(creating.length >= 10, `${creating.length} creating routes`)
  let mismatches = 0
  for (const route of creating) {
    const example = await examples[route.operation_id]?.()
    if (example === undefined) throw new Error(`${route.name} has no example`)
    const key = `guard-${route.operation_id}`
    const first = await send(route, example, key, `${key}-1`)
    const again = await send(route, example, key, `${key}-2`)
    t.equal(first.status, 201, `${route.name}: ${first.text}`)
    const [, refusal] = NOT_REPLAYED[route.operation_id] ?? []
    if (refusal === undefined) {
      t.same([again.status, again.headers.get('idempotency-replayed')], [201, 'true'], route.name)
      t.equal(again.text, first.text, route.name)
      t.equal(again.headers.get('location'), first.headers.get('location'), route.name)
    } else {
      t.equal(again.body.code, refusal, route.name)
    }
    t.equal((await eventsOf(gateway, `${key}-1`)).length, 1)
    t.same(await eventsOf(gateway, `${key}-2`), [], `${route.name}: events of the replay`)
    const body = anotherBody(example.body)
    if (body === undefined) continue
    const other = await send(route, { ...example, body }, key, `${key}-3`)
    t.match(other, { status: 422, body: { code: 'idempotency_mismatch' } }, route.name)
    mismatches += 1
  }
  t.ok(mismatches >= 10, `${mismatches} routes received another body`)
})

// RFC 9110 section 15.3.2: without Location, the client must know how to put the address together.
t.test('201 the response names the address of the new object, if the object has one', async (t) => {
  let addresses = 0
  for (const route of creating) {
    const depth = route.url.split('/').length
    const of_object = guardedRoutes(gateway.routes).find(
      ({ method, url }) => method === 'GET' && url.startsWith(`${route.url}/:`) && url.split('/').length === depth + 1,
    )
    if (of_object === undefined) continue
    const example = await examples[route.operation_id]?.()
    if (example === undefined) throw new Error(`${route.name} has no example`)
    const created = await send(route, example, `address-${route.operation_id}`, `address-${route.operation_id}`)
    const location = created.headers.get('location') ?? ''
    t.ok(location.startsWith('/v1/'), route.name)
    t.equal((await ask(gateway, location, { headers: example.headers })).status, 200, `${route.name}: ${location}`)
    addresses += 1
  }
  t.ok(addresses >= 8, `${addresses} routes`)
})

t.test('the contract documents Idempotency-Key for each creating POST, and for no other route', async (t) => {
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

/** Returns another valid body for the route, or undefined if the body has no member that this function can change. */
function anotherBody(body: unknown): unknown {
  const given = { ...(body as Record<string, unknown>) }
  if (typeof given.name === 'string') return { ...given, name: `${given.name} too` }
  if (typeof given.email === 'string') return { ...given, email: `too-${given.email}` }
  if (typeof given.overlap_seconds === 'number') return { ...given, overlap_seconds: given.overlap_seconds + 1 }
  if (Array.isArray(given.roles)) return { ...given, roles: [] }
  return undefined
}
