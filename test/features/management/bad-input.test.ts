import { startGateway } from '../../helpers/gateway.js'
import { ask, askRaw } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const owner = await world.bearer('owner')
const other_owner = await world.bearer('other_owner')
const of = (id: string) => `/v1/tenants/${id}`
const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = owner) =>
  ask(gateway, path.startsWith('/v1') ? path : of(acme.id) + path, {
    method,
    headers: { 'if-match': '*', ...headers },
    body,
  })
const invalid = (pointer: string | RegExp) => ({
  status: 400,
  body: { code: 'validation_failed', errors: [{ pointer }] },
})
const missing = { status: 404, body: { code: 'not_found' } }

const made = async (path: string, body: unknown, tenant = acme.id, headers = owner) => {
  const answer = await send('POST', of(tenant) + path, body, headers)
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.body
}
const key = await made('/keys', { name: 'Probed' })
const role = await made('/roles', { name: 'Probed', scopes: ['agents:view'] })
const foreign_role = await made('/roles', { name: 'Globex Crew', scopes: ['agents:view'] }, globex.id, other_owner)
const foreign_key = await made('/keys', { name: 'Theirs' }, globex.id, other_owner)
const invitation = (email: string, roles: unknown) => ({ email, roles })
await made('/members', { user_id: ids.stranger, roles: [] }, globex.id, other_owner)
await made('/invitations', invitation('y@people.example', []), globex.id, other_owner)
const foreign_invitation = await made('/invitations', invitation('x@people.example', []), globex.id, other_owner)

/** The state that a refused request must not change. */
const everything = () =>
  gateway.sql(`select (select count(*)::int from audit_events where action not in
      ('request.refused', 'login.failed', 'budget.exceeded')) as events,
    (select jsonb_agg(to_jsonb(k) - 'secret_requests' - 'secret_last_used_at' order by id) from tenant_keys k) as keys,
    (select jsonb_agg(r order by id) from roles r) as roles, (select jsonb_agg(m order by user_id, role_id) from membership_roles m) as held,
    (select jsonb_agg(m order by tenant_id, user_id) from memberships m) as members, (select count(*)::int from invitations) as invitations,
    (select count(*)::int from overrides) as overrides`)
/** Adds a test whose requests are all refused: it compares the state before and after. */
const refusing = (title: string, work: (t: import('tap').Test) => Promise<void>) =>
  t.test(title, async (t) => {
    const before = await everything()
    await work(t)
    t.strictSame(await everything(), before, 'no row and no audit event has changed')
  })

/** Texts that resemble the name of a role, but are not the name of any role. */
const LOOKALIKES = [
  'Owner ',
  ' Owner',
  'owner',
  'OWNER',
  'Ｏｗｎｅｒ',
  'Оwner',
  'Own\u200der',
  'O\u200bwner',
  'Owner\u00a0',
  'ow%6Eer',
  'Owner%20',
  'Owner\u202e',
  'Owner\t',
  '__proto__',
]
/** Names of JavaScript properties. They are valid role names, but no role here has them. */
const WORDS = ['constructor', 'toString', 'hasOwnProperty']
const NO_SCOPES = [
  'customers:delete',
  'customers:*',
  '*',
  'customers:edit ',
  'Customers:Edit',
  'customers%3Aedit',
  '__proto__',
  'platform:tenants:manage',
  'platform:operators:manage',
]

// Attack: writes a scope that does not exist yet, or a scope of the platform, to hold it later.
refusing('400 404 an unknown scope or a scope of the platform, in a key, a role and an override', async (t) => {
  for (const scope of NO_SCOPES) {
    const scopes = ['agents:view', scope]
    t.match(await send('POST', '/keys', { name: 'x', scopes }), invalid('/scopes/1'), scope)
    t.match(await send('PATCH', `/keys/${key.id}`, { scopes }), invalid('/scopes/1'), scope)
    t.match(await send('POST', '/roles', { name: 'Fresh', scopes }), invalid('/scopes/1'), scope)
    t.match(await send('PATCH', `/roles/${role.id}`, { scopes }), invalid('/scopes/1'), scope)
    t.match(await send('PATCH', `/roles/${role.id}?dry_run=true`, { scopes }), invalid('/scopes/1'), scope)
    const override = `/members/${ids.agent}/overrides/${encodeURIComponent(scope)}`
    const wish = { effect: 'grant', reason: 'x' }
    t.match(await send('PUT', override, wish), missing, scope)
    t.match(await send('DELETE', override), missing, scope)
  }
  for (const scopes of [null, 'agents:view', {}, [null], [1], ['agents:view', 'agents:view'], [['agents:view']]]) {
    t.match(await send('POST', '/keys', { name: 'x', scopes }), invalid(/^\/scopes/), JSON.stringify(scopes))
    t.match(await send('POST', '/roles', { name: 'Fresh', scopes }), invalid(/^\/scopes/), JSON.stringify(scopes))
  }
})

// Attack: names a role in a spelling that the check does not recognise (CVE-2026-105986).
refusing('400 a name that resembles a role is not that role, for a member and for an invitation', async (t) => {
  for (const name of [
    ...LOOKALIKES,
    ...WORDS,
    'Globex Crew',
    '',
    'x'.repeat(300),
    '🦊',
    'مدير',
    foreign_role.id,
    role.id,
  ]) {
    const roles = ['Agent', name]
    const what = JSON.stringify(name)
    t.match(await send('PATCH', `/members/${ids.agent}`, { roles }), invalid('/roles/1'), what)
    t.match(await send('POST', '/members', { user_id: ids.stranger, roles }), invalid('/roles/1'), what)
    t.match(await send('POST', '/invitations', invitation('new@people.example', roles)), invalid('/roles/1'), what)
  }
  for (const roles of [null, 'Owner', {}, [null], [1], ['Agent', 'Agent'], Array(21).fill('Agent')]) {
    const what = JSON.stringify(roles)
    t.match(await send('PATCH', `/members/${ids.agent}`, { roles }), invalid(/^\/roles/), what)
    t.match(await send('POST', '/invitations', invitation('new@people.example', roles)), invalid(/^\/roles/), what)
  }
})

refusing('400 409 a role name that resembles another role is refused at creation and at renaming', async (t) => {
  for (const name of [...LOOKALIKES, 'x'.repeat(61), 'x'.repeat(300), '🦊', '', ' ', '\u202eمدير']) {
    for (const [method, path] of [
      ['POST', '/roles'],
      ['PATCH', `/roles/${role.id}`],
    ] as const) {
      const answer = await send(method, path, { name, scopes: [] })
      const what = `${method} ${JSON.stringify(name)} ${answer.text}`
      if (answer.status === 409) t.match(answer.body, { code: 'already_exists' }, what)
      else t.match(answer, invalid('/name'), what)
    }
  }
})

refusing('404 a role, key, member or invitation of another tenant gets the response of an unknown id', async (t) => {
  for (const [method, path, body] of [
    ['GET', `/roles/${foreign_role.id}`, undefined],
    ['PATCH', `/roles/${foreign_role.id}`, { name: 'Mine now' }],
    ['PATCH', `/roles/${foreign_role.id}?dry_run=true`, { name: 'Mine now' }],
    ['DELETE', `/roles/${foreign_role.id}`, undefined],
    ['GET', `/keys/${foreign_key.id}`, undefined],
    ['PATCH', `/keys/${foreign_key.id}`, { name: 'Mine now' }],
    ['DELETE', `/keys/${foreign_key.id}`, undefined],
    ['POST', `/keys/${foreign_key.id}/rotate`, { overlap_seconds: 0 }],
    ['GET', `/members/${ids.other_owner}`, undefined],
    ['PATCH', `/members/${ids.other_owner}`, { roles: ['Owner'] }],
    ['DELETE', `/members/${ids.other_owner}`, undefined],
    ['GET', `/members/${ids.other_owner}/overrides`, undefined],
    ['PUT', `/members/${ids.other_owner}/overrides/agents:view`, { effect: 'grant', reason: 'x' }],
    ['DELETE', `/members/${ids.other_owner}/overrides/agents:view`, undefined],
    ['POST', `/invitations/${foreign_invitation.id}/resend`, undefined],
    ['DELETE', `/invitations/${foreign_invitation.id}`, undefined],
    ['POST', '/access/explain', { user_id: ids.other_owner, method: 'GET', path: '/v1/customers' }],
    ['POST', '/access/explain', { key_id: foreign_key.id, method: 'GET', path: '/v1/customers' }],
  ] as const) {
    t.match(await send(method, path, body), missing, `${method} ${path}`)
  }
})

refusing('400 an expiry in the past or too far ahead, and a malformed network', async (t) => {
  const now_ms = gateway.clock.now()
  for (const expires_at of [
    new Date(now_ms - 1).toISOString(),
    '1970-01-01T00:00:00Z',
    '10000-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    new Date(now_ms + 11 * 366 * 86_400_000).toISOString(),
    'never',
    '',
    0,
  ]) {
    t.match(await send('POST', '/keys', { name: 'x', expires_at }), invalid('/expires_at'), String(expires_at))
    t.match(await send('PATCH', `/keys/${key.id}`, { expires_at }), invalid('/expires_at'), String(expires_at))
  }
  for (const network of [
    '203.0.113.7',
    '203.0.113.0/33',
    '::/129',
    '10.1/8',
    '0x0a.0.0.0/8',
    '010.0.0.0/8',
    'a/8',
    '/8',
    '1.2.3.4/-1',
    '1.2.3.4/08',
    'fe80::1%eth0/64',
    '٢.0.0.0/8',
    '',
    'x'.repeat(300),
  ]) {
    const allowed_cidrs = ['192.0.2.0/24', network]
    t.match(await send('POST', '/keys', { name: 'x', allowed_cidrs }), invalid('/allowed_cidrs/1'), network)
    t.match(await send('PATCH', `/keys/${key.id}`, { allowed_cidrs }), invalid('/allowed_cidrs/1'), network)
  }
  t.match(await send('POST', '/keys', { name: 'x', allowed_cidrs: [] }), invalid('/allowed_cidrs'))
})

refusing('400 a name that is too long, blank, not a string or has control characters', async (t) => {
  for (const name of [
    'x'.repeat(300),
    '🦊'.repeat(201),
    '',
    '   ',
    '\t',
    'a\u0007b',
    'a\nb',
    'a\u007fb',
    null,
    7,
    ['x'],
    {},
  ]) {
    const what = JSON.stringify(name).slice(0, 20)
    t.match(await send('POST', '/keys', { name }), invalid('/name'), what)
    t.match(await send('PATCH', `/keys/${key.id}`, { name }), invalid('/name'), what)
    t.match(await send('PATCH', '', { name }), invalid('/name'), what)
    t.match(await send('POST', '/v1/tenants', { name }), invalid('/name'), what)
  }
  for (const email of [
    `${'x'.repeat(300)}@people.example`,
    'nobody',
    'a@b\u0000',
    '',
    null,
    'a@people.example, b@people.example',
  ]) {
    const answer = await send('POST', '/invitations', invitation(email as string, []))
    t.equal(answer.status, 400, String(email).slice(0, 20))
  }
  for (const reason of ['', ' \n', 'x'.repeat(501), null, 7]) {
    const path = `/members/${ids.agent}/overrides/agents:view`
    t.match(await send('PUT', path, { effect: 'grant', reason }), invalid('/reason'), String(reason).slice(0, 20))
  }
})

// Attack: sends NUL, which ends a string in some programs and is an error in PostgreSQL.
refusing('400 404 405 NUL and broken Unicode, in a body, a query and a path', async (t) => {
  for (const [body, code] of [
    ['{"name":"a\\u0000b"}', 'validation_failed'],
    ['{"name":"\\ud800"}', 'validation_failed'],
    ['{"a\\u0000":1}', 'validation_failed'],
    ['{"__proto__":{"name":"x"}}', 'malformed_json'],
    ['{"name":"x","name":"y"}', 'malformed_json'],
  ] as const) {
    for (const path of ['/keys', '/roles', '/members', '/invitations', '/access/explain']) {
      const response = await fetch(gateway.url + of(acme.id) + path, {
        method: 'POST',
        headers: { ...owner, 'content-type': 'application/json' },
        body,
      })
      t.match(await response.json(), { status: 400, code }, `${path} ${body}`)
    }
  }
  for (const path of [
    '/audit-events?actor_id=a%00b',
    '/audit-events?target_id=%00',
    '/usage?group_by=%00',
    '/keys?cursor=%00',
    '/audit-events/export?actor_id=%00',
  ]) {
    t.match(await send('GET', path), { status: 400 }, path)
  }
  for (const path of [
    '/keys/%00',
    `/members/${ids.agent}%00`,
    '/roles/%00',
    '/members/%F0%9F%A6%8A',
    '/roles/__proto__',
    '/keys/__proto__',
    `/members/${'x'.repeat(100)}`,
    '/invitations/%E2%80%AE',
  ]) {
    t.match(await send('GET', path), { status: /^40[045]$/ }, path)
  }
  for (const path of [`/roles/${'x'.repeat(101)}`, `/members/${ids.agent}/overrides/${'x'.repeat(300)}`]) {
    const { status } = await askRaw(gateway, of(acme.id) + path, {
      lines: ['Authorization', owner.authorization as string],
    })
    t.ok([404, 405, 414].includes(status), `${path.slice(0, 20)} ${status}`)
  }
})

// Attack: uses a cursor of one tenant in the list of another.
refusing('400 a cursor of another tenant, of another list, and a forged cursor', async (t) => {
  for (const list of ['keys', 'members', 'invitations', 'audit-events']) {
    const { body } = await send('GET', `${of(globex.id)}/${list}?limit=1`, undefined, other_owner)
    const cursor = body.next_cursor as string | null
    if (cursor === null) throw new Error(`${list} has one page`)
    const bad = { status: 400, body: { code: 'invalid_cursor' } }
    t.equal(
      (await send('GET', `${of(globex.id)}/${list}?limit=1&cursor=${cursor}`, undefined, other_owner)).status,
      200,
    )
    t.match(await send('GET', `/${list}?limit=1&cursor=${cursor}`), bad, list)
    const another = list === 'keys' ? 'members' : 'keys'
    t.match(await send('GET', `${of(globex.id)}/${another}?cursor=${cursor}`, undefined, other_owner), bad, list)
    for (const made_up of [
      'x',
      'AAAA',
      '__proto__',
      '%F0%9F%A6%8A',
      Buffer.from(`.${ids.owner}`).toString('base64url'),
    ]) {
      t.match(await send('GET', `/${list}?cursor=${made_up}`), bad, `${list} ${made_up}`)
    }
    t.match(await send('GET', `/${list}?cursor=${'A'.repeat(600)}`), invalid('/cursor'))
    for (const limit of ['0', '101', '-1', '1e2', '5.0', '', 'all', '٥']) {
      t.match(await send('GET', `/${list}?limit=${encodeURIComponent(limit)}`), invalid('/limit'), `${list} ${limit}`)
    }
    t.match(await send('GET', `/${list}?page=2`), invalid('/page'))
  }
})

t.test('201 emoji and right-to-left text are stored unchanged', async (t) => {
  for (const name of ['مفتاح الإنتاج', '🦊🌵 key', 'שלום', 'Zoe\u0308', 'a\u202eb', 'نص with latin 123']) {
    const created = await made('/keys', { name })
    t.equal(created.name, name)
    t.equal((await send('GET', `/keys/${created.id}`)).body.name, name, 'not normalised and not truncated')
  }
  const arabic = await made('/roles', { name: 'مدير', scopes: ['agents:view'] })
  t.equal((await send('PATCH', `/members/${ids.agent}`, { roles: ['مدير'] })).status, 200)
  t.equal((await send('DELETE', `/roles/${arabic.id}`)).status, 204)
  const reason = 'שבוע של חופשה 🌴'
  const set = await send('PUT', `/members/${ids.agent}/overrides/agents:view`, { effect: 'grant', reason })
  t.equal(set.body.reason, reason)
})
