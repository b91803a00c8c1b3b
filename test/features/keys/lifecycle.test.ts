import { startGateway } from '../../helpers/gateway.js'
import { type Ask, ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const owner = await world.bearer('owner')

const keysPath = `/v1/tenants/${world.acme.id}/keys`
const askOwner = (path: string, more: Ask = {}) => ask(gateway, path, { headers: owner, ...more })
const create = async (body: object = {}) =>
  (await askOwner(keysPath, { body: { name: 'Made by a test', ...body } })).body as { id: string; key: string }
const change = (id: string, body: object, headers = owner) =>
  ask(gateway, `${keysPath}/${id}`, { method: 'PATCH', headers, body })
const use = async (key: string, path = '/v1/access') =>
  (await ask(gateway, path, { headers: keyHeaders({ id: world.acme.id, key }) })).status
const eventsOf = async (id: string) =>
  (await gateway.sql(`select action, changes from audit_events where target_id = '${id}' order by seq`)) as {
    action: string
    changes: { before?: Record<string, unknown>; after?: Record<string, unknown> }
  }[]
const inFuture = (seconds: number) => new Date(gateway.clock.now() + seconds * 1000).toISOString()

t.test('200 a change is returned, recorded once with before and after, and changes no other field', async (t) => {
  const { id, key } = await create({ scopes: ['conversations:view'] })
  const before = (await askOwner(`${keysPath}/${id}`)).body
  const expires_at = inFuture(3600)
  const wish = { name: 'Renamed', expires_at, requests_per_minute: 7 }
  const after = await change(id, wish)
  t.equal(after.status, 200, after.text)
  t.strictSame(after.body, { ...before, ...wish, secrets: [{ ...before.secrets[0], expires_at }] })
  t.strictSame((await askOwner(`${keysPath}/${id}`)).body, after.body)
  const events = await eventsOf(id)
  t.strictSame(
    events.map(({ action }) => action),
    ['tenant_key.created', 'tenant_key.updated'],
  )
  t.strictSame(events[1]?.changes, {
    before: { name: 'Made by a test', expires_at: null, requests_per_minute: null },
    after: wish,
  })
  t.equal(await use(key), 200)

  t.equal((await change(id, wish)).status, 200, 'the same change again')
  t.equal((await eventsOf(id)).length, 2, 'no second event')
  const cleared = await change(id, { expires_at: null, requests_per_minute: null, allowed_cidrs: null })
  t.match(cleared.body, { expires_at: null, requests_per_minute: null, allowed_cidrs: null, name: 'Renamed' })
})

// Attack: uses a key in the request after it was restricted or disabled.
t.test('each change of a key is in force at the next request, and so is its reversal', async (t) => {
  const { id, key } = await create()
  t.equal(await use(key, '/v1/customers'), 403)
  await change(id, { scopes: ['conversations:view'] })
  t.equal(await use(key, '/v1/customers'), 200, 'with the scope')
  await change(id, { scopes: [] })
  t.equal(await use(key, '/v1/customers'), 403, 'without the scope')

  await change(id, { disabled: true })
  t.equal(await use(key), 401, 'disabled')
  const { disabled_at } = (await askOwner(`${keysPath}/${id}`)).body
  gateway.clock.advance(2_000)
  t.equal((await change(id, { disabled: true })).body.disabled_at, disabled_at, 'the time of the first disabling')
  t.equal((await change(id, { disabled: false })).body.disabled_at, null)
  t.equal(await use(key), 200, 'enabled')

  await change(id, { allowed_cidrs: ['192.0.2.0/24'] })
  t.equal(await use(key), 403, 'from another network')
  t.strictSame(
    (await change(id, { allowed_cidrs: ['127.0.0.9/8', '::ffff:10.1.2.3/104', '2001:DB8::1/32'] })).body.allowed_cidrs,
    ['127.0.0.0/8', '10.0.0.0/8', '2001:db8::/32'],
    'in canonical form',
  )
  t.equal(await use(key), 200)

  await change(id, { expires_at: inFuture(60) })
  t.equal(await use(key), 200)
  gateway.clock.advance(60_000)
  t.equal(await use(key), 401, 'expired')
  for (const body of [{ expires_at: null }, { expires_at: inFuture(60) }, { expires_at: null, name: 'Revived' }]) {
    t.match(await change(id, body), { status: 409, body: { code: 'invalid_state' } }, 'a new expiry alone')
  }
  t.equal((await change(id, { disabled: false })).status, 200)
  t.equal(await use(key), 401, 'still expired')
  t.equal((await change(id, { disabled: false, expires_at: null })).status, 200)
  t.equal(await use(key), 200, 'without expiry, and enabled in words')

  await change(id, { requests_per_minute: 1 })
  gateway.clock.advance(60_000)
  t.strictSame([await use(key), await use(key)], [200, 429], 'its own budget')
})

// Attack: a member with keys:manage gains scopes by widening a key, or by rotating a key that has more scopes.
t.test('403 a member cannot give a key, or take over with a key, a scope that they do not have', async (t) => {
  const manager = await world.bearer('agent')
  await gateway.sql(`insert into overrides (tenant_id, user_id, scope, effect, reason, created_at)
    values ('${world.acme.id}', '${world.ids.agent}', 'keys:manage', 'grant', 'a test', now())`)
  const plain = await create({ scopes: ['customers:edit'] })
  const strong = await create({ scopes: ['customers:edit', 'audit:view'] })

  const widened = await change(plain.id, { scopes: ['customers:edit', 'audit:view'] }, manager)
  t.match(widened, { status: 403, body: { code: 'privilege_escalation', exceeding_scopes: ['audit:view'] } })
  t.strictSame((await askOwner(`${keysPath}/${plain.id}`)).body.scopes, ['customers:edit'], 'unchanged')
  t.equal((await change(strong.id, { name: 'still strong', scopes: ['audit:view'] }, manager)).status, 200, 'fewer')

  const rotate = (id: string) =>
    ask(gateway, `${keysPath}/${id}/rotate`, { headers: manager, body: { overlap_seconds: 0 } })
  const taken = await rotate(strong.id)
  t.match(taken, { status: 403, body: { code: 'privilege_escalation', exceeding_scopes: ['audit:view'] } })
  t.equal(await use(strong.key), 200, 'the old secret is still valid')
  t.equal((await rotate(plain.id)).status, 201)
})

// Attack: a member with keys:manage revives or widens a key whose scopes they do not have, and uses its old secret.
t.test('403 a member cannot widen a key with scopes that they do not have, and can narrow it', async (t) => {
  const manager = await world.bearer('agent')
  const escalation = { status: 403, body: { code: 'privilege_escalation', exceeding_scopes: ['audit:view'] } }
  const limits = { expires_at: inFuture(120), allowed_cidrs: ['10.0.0.0/8', '2001:db8::/32'], requests_per_minute: 5 }
  const { id } = await create({ scopes: ['customers:edit', 'audit:view'], ...limits })
  const wider: [string, object][] = [
    ['no expiry', { expires_at: null }],
    ['a later expiry', { expires_at: inFuture(150) }],
    ['every network', { allowed_cidrs: null }],
    ['a larger network', { allowed_cidrs: ['10.0.0.0/7'] }],
    ['another network', { allowed_cidrs: ['10.0.0.0/8', '192.0.2.0/24'] }],
    ['a network of the other version', { allowed_cidrs: ['::/0'] }],
    ['no budget', { requests_per_minute: null }],
    ['a larger budget', { requests_per_minute: 6 }],
    ['one wider and one narrower limit', { expires_at: inFuture(30), requests_per_minute: null }],
  ]
  for (const [what, body] of wider) t.match(await change(id, body, manager), escalation, what)
  t.match(
    await change(id, { requests_per_minute: null, scopes: ['customers:edit', 'audit:view'] }, manager),
    escalation,
  )
  t.match((await askOwner(`${keysPath}/${id}`)).body, limits, 'unchanged')

  const narrower: [string, object][] = [
    ['a name', { name: 'Narrowed' }],
    ['the same limits', limits],
    ['an earlier expiry', { expires_at: inFuture(60) }],
    ['a smaller network', { allowed_cidrs: ['10.1.0.0/16'] }],
    ['a smaller budget', { requests_per_minute: 4 }],
    ['disabled', { disabled: true }],
  ]
  for (const [what, body] of narrower) t.equal((await change(id, body, manager)).status, 200, what)
  t.match(await change(id, { disabled: false }, manager), escalation, 'enabling the key')
  gateway.clock.advance(120_000)
  t.match(await change(id, { expires_at: null }, manager), escalation, 'reviving the expired key')
  t.match(await change(id, { expires_at: inFuture(60) }, manager), escalation, 'for a minute')

  const widened = await change(id, { disabled: false, expires_at: null, scopes: ['customers:edit'] }, manager)
  t.equal(widened.status, 200, 'with the scopes that the member has')
  t.equal((await change(id, { allowed_cidrs: null, scopes: ['customers:edit', 'audit:view'] })).status, 200, 'an Owner')
})

t.test('400 an invalid change is refused as a whole, with a pointer', async (t) => {
  const { id } = await create()
  const before = (await askOwner(`${keysPath}/${id}`)).body
  const wrong: [object, RegExp][] = [
    [{}, /^$/],
    [{ expires_at: inFuture(-1) }, /^\/expires_at$/],
    [{ expires_at: '10000-01-01T00:00:00Z' }, /^\/expires_at$/],
    [{ expires_at: '9999-12-31T23:59:59-23:59' }, /^\/expires_at$/],
    [{ expires_at: '2016-12-31T23:59:60Z' }, /^\/expires_at$/],
    [{ expires_at: '' }, /^\/expires_at/],
    [{ name: 'fine', allowed_cidrs: ['10.0.0.0/33'] }, /^\/allowed_cidrs\/0$/],
    [{ allowed_cidrs: [] }, /^\/allowed_cidrs/],
    [{ allowed_cidrs: ['10.0.0.0/8', 'fe80::1%eth0/64'] }, /^\/allowed_cidrs\/1$/],
    [{ scopes: ['no:such'] }, /^\/scopes\/0$/],
    [{ scopes: null }, /^\/scopes$/],
    [{ requests_per_minute: 0 }, /^\/requests_per_minute/],
    [{ disabled: 'yes' }, /^\/disabled$/],
    [{ revoked_at: null }, /^\/revoked_at$/],
    [{ name: '\u0007' }, /^\/name$/],
  ]
  for (const [body, pointer] of wrong) {
    const answer = await change(id, body)
    t.match(answer, { status: 400, body: { code: 'validation_failed' } }, JSON.stringify(body))
    t.match(answer.body.errors?.[0]?.pointer, pointer, JSON.stringify(body))
  }
  t.strictSame((await askOwner(`${keysPath}/${id}`)).body, before)
})

// Attack: activates a revoked key again.
t.test('404 a revoked key can be read, but not changed or rotated', async (t) => {
  const { id, key } = await create({ scopes: ['conversations:view'] })
  const rotated = await askOwner(`${keysPath}/${id}/rotate`, { body: { overlap_seconds: 600 } })
  t.equal((await askOwner(`${keysPath}/${id}`, { method: 'DELETE' })).status, 204)
  t.strictSame([await use(key), await use(rotated.body.key)], [401, 401], 'both secrets are invalid')
  const tombstone = (await askOwner(`${keysPath}/${id}`)).body
  t.match(tombstone, { id, name: 'Made by a test', secrets: [], safe_to_retire: true, revoked_at: String })
  for (const body of [{ disabled: false }, { name: 'Lazarus' }, { expires_at: null }]) {
    t.equal((await change(id, body)).status, 404, JSON.stringify(body))
  }
  t.equal((await askOwner(`${keysPath}/${id}/rotate`, { body: { overlap_seconds: 0 } })).status, 404)
  t.strictSame((await askOwner(`${keysPath}/${id}`)).body, tombstone)
})

// Attack: tries key ids of another tenant to find out which exist.
t.test('404 a key of another tenant cannot be read, changed or rotated', async (t) => {
  const foreign = world.globex.key.slice(4, 16)
  const tries: Ask[] = [{}, { method: 'PATCH', body: { disabled: true } }]
  for (const each of tries) t.equal((await askOwner(`${keysPath}/${foreign}`, each)).status, 404)
  t.equal((await askOwner(`${keysPath}/${foreign}/rotate`, { body: { overlap_seconds: 0 } })).status, 404)
  t.equal((await ask(gateway, '/v1/access', { headers: keyHeaders(world.globex) })).status, 200)
})
