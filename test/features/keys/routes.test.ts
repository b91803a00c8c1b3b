import { ALL_SCOPES } from '../../../src/contract/scopes.js'
import { parseTenantKey } from '../../../src/kernel/credentials/tenant-key.js'
import { startGateway } from '../../helpers/gateway.js'
import { type Ask, ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const owner = await world.bearer('owner')

const keysPath = (tenant = world.acme.id) => `/v1/tenants/${tenant}/keys`
const askOwner = (path: string, more: Ask = {}) => ask(gateway, path, { headers: owner, ...more })
const create = (body: object) => askOwner(keysPath(), { body: { name: 'Made by a test', ...body } })
const use = (key: string, path = '/v1/access') =>
  ask(gateway, path, { headers: keyHeaders({ id: world.acme.id, key }) })
/** Returns the body as text without the request id, in which equal responses differ. */
const withoutId = ({ text, body }: { text: string; body: { request_id: string } }) =>
  text.replace(body.request_id, '<id>')
const eventsOf = async (id: string) =>
  (await gateway.sql(`select action, actor_id, changes from audit_events where target_id = '${id}' order by seq`)) as {
    action: string
    actor_id: string
    changes: Record<string, unknown>
  }[]

t.test('201 a new key has no scopes, and is valid at once', async (t) => {
  const made = await create({})
  t.equal(made.status, 201, made.text)
  t.strictSame(made.body.scopes, [])
  t.match(made.body, {
    name: 'Made by a test',
    created_by: world.ids.owner,
    expires_at: null,
    disabled_at: null,
    revoked_at: null,
    allowed_cidrs: null,
    requests_per_minute: null,
  })
  t.match(made.body.secrets, [
    { is_current: true, last_four: made.body.key.slice(-4), requests: 0, last_used_at: null },
  ])
  t.equal(made.body.secrets.length, 1)
  t.equal(parseTenantKey(made.body.key)?.id, made.body.id)
  t.match(made.headers.get('cache-control'), 'no-store')
  t.match((await use(made.body.key)).body, { scopes: [], principal: { kind: 'key', id: made.body.id } })
  t.equal((await use(made.body.key, '/v1/customers')).status, 403)
})

t.test('200 a key has the scopes that it was created with and no other', async (t) => {
  const { body } = await create({ scopes: ['conversations:view'] })
  t.equal((await use(body.key, '/v1/customers')).status, 200)
  t.equal((await use(body.key, `/v1/customers/${world.ids.owner}`)).status, 404)
  const headers = keyHeaders({ id: world.acme.id, key: body.key })
  t.match(await ask(gateway, '/v1/customers', { headers, body: { name: 'x' } }), {
    status: 403,
    body: { missing: ['customers:edit'] },
  })
})

// Attack: reads the database, the log, the audit log or the list of keys to find a valid key.
t.test('a key is shown once: only its digest is stored, and no other place contains it', async (t) => {
  const { body } = await create({ scopes: ['conversations:view'] })
  await use(body.key)
  const { secret } = parseTenantKey(body.key) as { secret: string }
  const [row] = await gateway.sql(`
    select k::text as whole, encode(secret_digest, 'hex') as digest,
      encode(sha256('${secret}'::bytea), 'hex') as expected
    from tenant_keys k where id = '${body.id}'`)
  t.equal(row?.digest, row?.expected, 'SHA-256 of the secret')
  t.ok(String(row?.whole).includes(body.id), 'the row of the key')
  const audit = JSON.stringify(await gateway.sql('select * from audit_events'))
  const list = await askOwner(keysPath())
  t.ok(audit.includes(body.id) && list.text.includes(body.id), 'audit log and list contain the key id')
  t.notMatch(list.text, /digest/)
  t.notMatch(audit, /(secret|previous)_digest/)
  t.equal(list.body.data.find((each: { id: string }) => each.id === body.id).key, undefined)
  for (const [place, text] of Object.entries({
    row: String(row?.whole),
    audit,
    list: list.text,
    log: gateway.lines.join(''),
  })) {
    t.notOk(text.includes(secret), `secret in ${place}`)
    t.notOk(text.includes(secret.slice(0, 12)), `part of the secret in ${place}`)
  }
  t.notOk(audit.includes(String(row?.digest)) || list.text.includes(String(row?.digest)), 'the digest neither')
})

t.test('200 a list has every key of this tenant and none of another, page by page', async (t) => {
  const seen: string[] = []
  let path = `${keysPath()}?limit=2`
  for (let pages = 0; pages < 20; pages += 1) {
    const { body } = await askOwner(path)
    seen.push(...body.data.map((each: { id: string }) => each.id))
    if (body.next_cursor === null) break
    path = `${keysPath()}?limit=2&cursor=${body.next_cursor}`
  }
  const rows = await gateway.sql(`select id from tenant_keys where tenant_id = '${world.acme.id}'`)
  t.ok(rows.length > 3)
  t.strictSame([...seen].sort(), rows.map(({ id }) => id).sort())
  t.equal(new Set(seen).size, seen.length)
})

// Attack: uses a revoked key in a request that is in flight, or from a cache.
t.test('204 a revoked key is refused at the next request, stays revoked, and is recorded once', async (t) => {
  const { body } = await create({})
  t.equal((await use(body.key)).status, 200)
  const path = `${keysPath()}/${body.id}`
  t.equal((await askOwner(path, { method: 'DELETE' })).status, 204)
  const refused = await use(body.key)
  t.equal(refused.status, 401)
  t.equal(refused.body.code, 'invalid_tenant_credentials')
  const first = (await gateway.sql(`select revoked_at::text from tenant_keys where id = '${body.id}'`))[0]?.revoked_at
  gateway.clock.advance(5_000)
  t.equal((await askOwner(path, { method: 'DELETE' })).status, 204, 'revoked again')
  const [row] = await gateway.sql(`select revoked_at::text from tenant_keys where id = '${body.id}'`)
  t.equal(row?.revoked_at, first, 'the time of the first revocation')
  t.strictSame(
    (await eventsOf(body.id)).map(({ action, actor_id }) => [action, actor_id]),
    [
      ['tenant_key.created', world.ids.owner],
      ['tenant_key.revoked', world.ids.owner],
    ],
  )
})

t.test('204 concurrent revocations revoke once, and no request is accepted after the first response', async (t) => {
  const { body } = await create({})
  const path = `${keysPath()}/${body.id}`
  const inFlight = Array.from({ length: 20 }, () => use(body.key))
  const answers = await Promise.all(Array.from({ length: 10 }, () => askOwner(path, { method: 'DELETE' })))
  t.strictSame(new Set(answers.map(({ status }) => status)), new Set([204]))
  t.equal((await use(body.key)).status, 401)
  for (const { status } of await Promise.all(inFlight)) t.ok([200, 401].includes(status))
  t.equal((await eventsOf(body.id)).filter(({ action }) => action === 'tenant_key.revoked').length, 1)
})

// Attack: guesses key ids of another tenant (enumeration, broken object level authorisation).
t.test('404 a key of another tenant gets the response of an unknown one, and stays valid', async (t) => {
  const foreign = parseTenantKey(world.globex.key)?.id
  const other = await askOwner(`${keysPath()}/${foreign}`, { method: 'DELETE' })
  const random = await askOwner(`${keysPath()}/AAAAbbbb1234`, { method: 'DELETE' })
  const malformed = await askOwner(`${keysPath()}/no-such-key`, { method: 'DELETE' })
  t.strictSame([other.status, random.status, malformed.status], [404, 404, 404])
  t.equal(withoutId(other), withoutId(random))
  t.equal(withoutId(malformed), withoutId(random))
  t.equal((await ask(gateway, '/v1/access', { headers: keyHeaders(world.globex) })).status, 200)
})

t.test('403 only members with keys:manage can list and create keys', async (t) => {
  for (const person of ['agent', 'analyst', 'lead'] as const) {
    const answer = await ask(gateway, keysPath(), { headers: await world.bearer(person), body: { name: 'mine' } })
    t.match(answer, { status: 403, body: { code: 'insufficient_scope', missing: ['keys:manage'] } }, person)
  }
  for (const person of ['stranger', 'pending', 'disabled', 'other_owner', 'operator'] as const) {
    const answer = await ask(gateway, keysPath(), { headers: await world.bearer(person) })
    t.match(answer, { status: 403, body: { code: 'tenant_access_denied' } }, person)
  }
  t.equal((await ask(gateway, keysPath(), { headers: keyHeaders(world.acme) })).status, 401, 'a key cannot manage keys')
})

// Attack: a member with keys:manage creates a key with more scopes than their own.
t.test('403 a member cannot give a key a scope that a deny or a missing role takes from them', async (t) => {
  const admin = await world.bearer('admin')
  const arrange = `tenant_id = '${world.acme.id}' and user_id = '${world.ids.admin}'`
  await gateway.sql(`insert into overrides (tenant_id, user_id, scope, effect, reason, created_at)
    values ('${world.acme.id}', '${world.ids.admin}', 'audit:view', 'deny', 'a test', now())`)
  const scopes = ['customers:edit', 'audit:view']
  const refused = await ask(gateway, keysPath(), { headers: admin, body: { name: 'ladder', scopes } })
  t.equal(refused.status, 403)
  t.match(refused.body, { code: 'privilege_escalation', exceeding_scopes: ['audit:view'] })
  t.equal(refused.body.exceeding_scopes.length, 1)
  t.strictSame(await gateway.sql("select id from tenant_keys where name = 'ladder'"), [], 'no key was created')
  await gateway.sql(`delete from membership_roles where ${arrange}`)
  await gateway.sql(`insert into overrides (tenant_id, user_id, scope, effect, reason, created_at)
    values ('${world.acme.id}', '${world.ids.admin}', 'keys:manage', 'grant', 'a test', now())`)
  const all = await ask(gateway, keysPath(), { headers: admin, body: { name: 'ladder', scopes: [...ALL_SCOPES] } })
  t.equal(all.body.exceeding_scopes.length, ALL_SCOPES.length - 1, 'all scopes except keys:manage, at the next request')
  const plain = await ask(gateway, keysPath(), { headers: admin, body: { name: 'plain', scopes: ['keys:manage'] } })
  t.equal(plain.status, 201)
})

t.test('400 an invalid key is refused with a pointer, and not created', async (t) => {
  const before = (await gateway.sql('select id from tenant_keys')).length
  const past = new Date(gateway.clock.now() - 1000).toISOString()
  const wrong: [object, RegExp][] = [
    [{ expires_at: past }, /^\/expires_at$/],
    [{ expires_at: '9999-12-31T23:59:59Z' }, /^\/expires_at$/],
    [{ expires_at: '10000-01-01T00:00:00Z' }, /^\/expires_at$/],
    [{ expires_at: '+010000-01-01T00:00:00Z' }, /^\/expires_at$/],
    [{ expires_at: '2030-02-30T00:00:00Z' }, /^\/expires_at$/],
    [{ expires_at: '2030-01-01' }, /^\/expires_at$/],
    [{ expires_at: 4102444800 }, /^\/expires_at$/],
    [{ expires_at: null }, /^\/expires_at$/],
    [{ scopes: ['no:such'] }, /^\/scopes\/0$/],
    [{ scopes: ['customers:edit', '*'] }, /^\/scopes\/1$/],
    [{ scopes: ['__proto__'] }, /^\/scopes\/0$/],
    [{ scopes: ['platform:tenants:view'] }, /^\/scopes\/0$/],
    [{ scopes: ['customers:edit', 'customers:edit'] }, /^\/scopes$/],
    [{ scopes: 'customers:edit' }, /^\/scopes$/],
    [{ allowed_cidrs: [] }, /^\/allowed_cidrs$/],
    [{ allowed_cidrs: ['10.0.0.0/8', '10.1/8'] }, /^\/allowed_cidrs\/1$/],
    [{ allowed_cidrs: Array(51).fill('10.0.0.0/8') }, /^\/allowed_cidrs$/],
    [{ requests_per_minute: 0 }, /^\/requests_per_minute$/],
    [{ requests_per_minute: 1.5 }, /^\/requests_per_minute$/],
    [{ requests_per_minute: '5' }, /^\/requests_per_minute$/],
    [{ name: ' ' }, /^\/name$/],
    [{ name: 'x'.repeat(201) }, /^\/name$/],
    [{ name: 'a\nb' }, /^\/name$/],
    [{ user_id: world.ids.admin }, /^\/user_id$/],
    [{ key: world.acme.key }, /^\/key$/],
    [{ secret_digest: 'AA' }, /^\/secret_digest$/],
    [{ tenant_id: world.globex.id }, /^\/tenant_id$/],
  ]
  for (const [body, pointer] of wrong) {
    const answer = await create(body)
    t.match(answer, { status: 400, body: { code: 'validation_failed' } }, JSON.stringify(body))
    t.match(answer.body.errors?.[0]?.pointer, pointer, JSON.stringify(body))
  }
  t.equal((await gateway.sql('select id from tenant_keys')).length, before)
})
