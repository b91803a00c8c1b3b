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

t.test('200 what is changed is answered, told once with before and after, and nothing else is touched', async (t) => {
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

  t.equal((await change(id, wish)).status, 200, 'the same again')
  t.equal((await eventsOf(id)).length, 2, 'is no change')
  const cleared = await change(id, { expires_at: null, requests_per_minute: null, allowed_cidrs: null })
  t.match(cleared.body, { expires_at: null, requests_per_minute: null, allowed_cidrs: null, name: 'Renamed' })
})

// A key that goes on for one more request after it was stopped is a key that was not stopped.
t.test('each change holds from the next request, and is undone by the next', async (t) => {
  const { id, key } = await create()
  t.equal(await use(key, '/v1/customers'), 403)
  await change(id, { scopes: ['conversations:view'] })
  t.equal(await use(key, '/v1/customers'), 200, 'a scope')
  await change(id, { scopes: [] })
  t.equal(await use(key, '/v1/customers'), 403, 'no scope')

  await change(id, { disabled: true })
  t.equal(await use(key), 401, 'disabled')
  const { disabled_at } = (await askOwner(`${keysPath}/${id}`)).body
  gateway.clock.advance(2_000)
  t.equal((await change(id, { disabled: true })).body.disabled_at, disabled_at, 'since the first time')
  t.equal((await change(id, { disabled: false })).body.disabled_at, null)
  t.equal(await use(key), 200, 'enabled')

  await change(id, { allowed_cidrs: ['192.0.2.0/24'] })
  t.equal(await use(key), 403, 'another network')
  t.strictSame(
    (await change(id, { allowed_cidrs: ['127.0.0.9/8', '::ffff:10.1.2.3/104', '2001:DB8::1/32'] })).body.allowed_cidrs,
    ['127.0.0.0/8', '10.0.0.0/8', '2001:db8::/32'],
    'written in one spelling',
  )
  t.equal(await use(key), 200)

  await change(id, { expires_at: inFuture(60) })
  t.equal(await use(key), 200)
  gateway.clock.advance(60_000)
  t.equal(await use(key), 401, 'expired')
  await change(id, { expires_at: null })
  t.equal(await use(key), 200, 'without expiry')

  await change(id, { requests_per_minute: 1 })
  gateway.clock.advance(60_000)
  t.strictSame([await use(key), await use(key)], [200, 429], 'a budget of its own')
})

// keys:manage must not be a ladder: neither by what a key is given, nor by taking over a key that holds more.
t.test('403 nobody gives a key, or takes from one, what they do not hold', async (t) => {
  const manager = await world.bearer('agent')
  await gateway.sql(`insert into overrides (tenant_id, user_id, scope, effect, reason, created_at)
    values ('${world.acme.id}', '${world.ids.agent}', 'keys:manage', 'grant', 'a test', now())`)
  const plain = await create({ scopes: ['customers:edit'] })
  const strong = await create({ scopes: ['customers:edit', 'audit:view'] })

  const widened = await change(plain.id, { scopes: ['customers:edit', 'audit:view'] }, manager)
  t.match(widened, { status: 403, body: { code: 'privilege_escalation', exceeding_scopes: ['audit:view'] } })
  t.strictSame((await askOwner(`${keysPath}/${plain.id}`)).body.scopes, ['customers:edit'], 'as it was')
  t.equal((await change(strong.id, { name: 'still strong', scopes: ['audit:view'] }, manager)).status, 200, 'less')

  const rotate = (id: string) =>
    ask(gateway, `${keysPath}/${id}/rotate`, { headers: manager, body: { overlap_seconds: 0 } })
  const taken = await rotate(strong.id)
  t.match(taken, { status: 403, body: { code: 'privilege_escalation', exceeding_scopes: ['audit:view'] } })
  t.equal(await use(strong.key), 200, 'its secret is the old one')
  t.equal((await rotate(plain.id)).status, 201)
})

t.test('400 a change that makes no sense is refused with a pointer, whole', async (t) => {
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

// A tombstone that could be changed back to life would make a revocation a pause.
t.test('404 of a revoked key the tombstone can be read, and nothing can be done with it', async (t) => {
  const { id, key } = await create({ scopes: ['conversations:view'] })
  const rotated = await askOwner(`${keysPath}/${id}/rotate`, { body: { overlap_seconds: 600 } })
  t.equal((await askOwner(`${keysPath}/${id}`, { method: 'DELETE' })).status, 204)
  t.strictSame([await use(key), await use(rotated.body.key)], [401, 401], 'both secrets end')
  const tombstone = (await askOwner(`${keysPath}/${id}`)).body
  t.match(tombstone, { id, name: 'Made by a test', secrets: [], safe_to_retire: true, revoked_at: String })
  for (const body of [{ disabled: false }, { name: 'Lazarus' }, { expires_at: null }]) {
    t.equal((await change(id, body)).status, 404, JSON.stringify(body))
  }
  t.equal((await askOwner(`${keysPath}/${id}/rotate`, { body: { overlap_seconds: 0 } })).status, 404)
  t.strictSame((await askOwner(`${keysPath}/${id}`)).body, tombstone)
})

// Another tenant's key id must not be told apart from nothing, whatever is tried with it.
t.test('404 the key of another tenant can be neither read, changed nor rotated', async (t) => {
  const foreign = world.globex.key.slice(4, 16)
  const tries: Ask[] = [{}, { method: 'PATCH', body: { disabled: true } }]
  for (const each of tries) t.equal((await askOwner(`${keysPath}/${foreign}`, each)).status, 404)
  t.equal((await askOwner(`${keysPath}/${foreign}/rotate`, { body: { overlap_seconds: 0 } })).status, 404)
  t.equal((await ask(gateway, '/v1/access', { headers: keyHeaders(world.globex) })).status, 200)
})
