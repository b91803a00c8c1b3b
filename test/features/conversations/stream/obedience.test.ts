import { makeUser } from '../../../guards/examples.js'
import type { TestGateway } from '../../../helpers/gateway.js'
import { joinTenant } from '../../../helpers/members.js'
import { ask } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { emailOf, keyHeaders, PASSWORD } from '../../../helpers/world.js'
import { startListening } from './world.js'

const here = await startListening()
t.teardown(() => here.close())
const { gateway, world, listen, open, say, add, remove, call, events, keyWith, poll } = here
const { acme, ids } = world
/** The gateway promises 1 s. The rest is for a slow machine. */
const SOON_MS = 5_000

async function logIn(gateway: TestGateway, email: string) {
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email, password: PASSWORD } })
  return { authorization: `Bearer ${body.access}`, ...keyHeaders(acme) }
}

/** Creates a new member of Acme with their own session. */
async function newMember(roles = ['Agent']) {
  const user = await makeUser(gateway, world)
  await joinTenant(gateway, await world.bearer('owner'), acme.id, { user_id: user.id, roles })
  return { ...user, headers: await logIn(gateway, user.email), path: `/v1/tenants/${acme.id}/members/${user.id}` }
}

async function operator() {
  return world.bearer('operator')
}

// Attack: keeps a connection open to use a right after it was removed.
t.test('4401 4403 the loss of a right closes the connection that needs it, and no other', async (t) => {
  const { id } = await open({ visibility: 'members' })
  await add('lead', id, ids.owner)
  const bystander = await listen('lead', id)
  type Member = Awaited<ReturnType<typeof newMember>>
  const cases: readonly [string, number, string | RegExp, (member: Member) => Promise<unknown>][] = [
    ['removed from the conversation', 4403, 'not_found', ({ id: user }) => remove('lead', id, user)],
    // The removal ends the membership in the conversation too. A check that runs during it can find that first.
    [
      'removed from the tenant',
      4403,
      /^(tenant_access_denied|not_found)$/,
      ({ path }) => call('owner', 'DELETE', path),
    ],
    [
      'has left the tenant',
      4403,
      /^(tenant_access_denied|not_found)$/,
      ({ path, headers }) => call(headers, 'DELETE', path),
    ],
    [
      'disabled in the tenant',
      4403,
      'tenant_access_denied',
      ({ path }) => call('owner', 'PATCH', path, { state: 'disabled' }),
    ],
    ['another role', 4403, 'insufficient_scope', ({ path }) => call('owner', 'PATCH', path, { roles: ['Analyst'] })],
    [
      'a deny',
      4403,
      'insufficient_scope',
      ({ path }) => call('owner', 'PUT', `${path}/overrides/conversations:view`, { effect: 'deny', reason: 'a test' }),
    ],
    ['signed out', 4401, 'invalid_token', ({ headers }) => call(headers, 'POST', '/v1/auth/logout')],
    [
      'disabled by an operator',
      4401,
      'invalid_token',
      async ({ id: user }) =>
        call(await operator(), 'POST', `/v1/platform/users/${user}/disable`, { reason: 'a test' }),
    ],
    [
      'a new password, set in another session',
      4401,
      'invalid_token',
      async ({ email }) =>
        call(await logIn(gateway, email), 'PUT', '/v1/me/password', {
          current_password: PASSWORD,
          new_password: 'another-lantern-meadow-48',
        }),
    ],
  ]
  for (const [what, code, reason, act] of cases) {
    const member = await newMember()
    await add('lead', id, member.id)
    const socket = await listen(member.headers, id)
    const stream = await events(member.headers, id)
    await stream.event('ready')
    const answer = (await act(member)) as { status: number; text: string }
    if (answer.status >= 300) throw new Error(`${what}: ${answer.text}`)
    t.match(await socket.closed(SOON_MS), { code, reason }, what)
    t.match((await stream.event('error')).payload, { code: reason }, `${what}: the event stream`)
    await stream.closed(SOON_MS)
  }
  t.ok(bystander.isOpen(), 'an unaffected connection')
})

t.test('4403 a role that loses its scope, and a conversation that becomes private, close the connection', async (t) => {
  const role = await call('owner', 'POST', `/v1/tenants/${acme.id}/roles`, {
    name: 'Reader',
    scopes: ['conversations:view'],
  })
  const member = await newMember(['Reader'])
  const { id } = await open()
  const socket = await listen(member.headers, id)
  const changed = await call(
    'owner',
    'PATCH',
    `/v1/tenants/${acme.id}/roles/${role.body.id}`,
    { scopes: ['agents:view'] },
    { 'if-match': String(role.headers.get('etag')) },
  )
  t.equal(changed.status, 200, changed.text)
  t.same(await socket.closed(SOON_MS), { code: 4403, reason: 'insufficient_scope' })
  const outsider = await listen('agent', id)
  t.equal((await call('lead', 'PATCH', `/v1/conversations/${id}`, { visibility: 'members' })).status, 200)
  t.same(await outsider.closed(SOON_MS), { code: 4403, reason: 'not_found' })
})

t.test('4401 4403 a key that is revoked, disabled, without its scope or rotated closes its connection', async (t) => {
  const { id } = await open()
  const keys = `/v1/tenants/${acme.id}/keys`
  for (const [what, code, method, path, body] of [
    ['revoked', 4401, 'DELETE', '', undefined],
    ['disabled', 4401, 'PATCH', '', { disabled: true }],
    ['no scope', 4403, 'PATCH', '', { scopes: [] }],
    ['rotated', 4401, 'POST', '/rotate', { overlap_seconds: 0 }],
  ] as const) {
    const key = await keyWith('conversations:view')
    const alone = await listen(key, id)
    const answer = await call('owner', method, `${keys}/${key.key_id}${path}`, body)
    t.ok(answer.status < 300, answer.text)
    t.match(await alone.closed(SOON_MS), { code }, what)
  }
  const key = await keyWith('conversations:view')
  const signed_in = await listen({ ...(await world.as('agent')), ...key }, id)
  await call('owner', 'DELETE', `${keys}/${key.key_id}`)
  t.same(await signed_in.closed(SOON_MS), { code: 4401, reason: 'invalid_tenant_credentials' }, 'a key with a user')
})

t.test('4401 the end of a rotation overlap, of a key and of an access token closes the connection', async (t) => {
  const { id } = await open()
  const keys = `/v1/tenants/${acme.id}/keys`
  const rotated = await keyWith('conversations:view')
  const old_secret = await listen(rotated, id)
  await call('owner', 'POST', `${keys}/${rotated.key_id}/rotate`, { overlap_seconds: 20 })
  const expiring = await keyWith('conversations:view')
  const soon = new Date(gateway.clock.now() + 20_000).toISOString()
  const expiry = await call('owner', 'PATCH', `${keys}/${expiring.key_id}`, { expires_at: soon })
  const short = expiry.status < 300 ? await listen(expiring, id) : undefined
  const user = await listen('agent', id)
  await until('the connection is open', async () => {
    await call('agent', 'GET', `/v1/conversations/${id}`)
    return old_secret.isOpen()
  })
  gateway.clock.advance(20_500)
  t.same(await old_secret.closed(SOON_MS), { code: 4401, reason: 'invalid_tenant_credentials' }, 'a former secret')
  if (short !== undefined) t.match(await short.closed(SOON_MS), { code: 4401 }, 'the key expired')
  t.ok(user.isOpen())
  gateway.clock.advance(3_600_000)
  t.match(await user.closed(SOON_MS), { code: 4401 }, 'the access token expired')
})

t.test('401 404 a waiting poll gets the refusal that a new request would get', async (t) => {
  const { id } = await open({ visibility: 'members' }, await logIn(gateway, emailOf('lead')))
  const lead = await logIn(gateway, emailOf('lead'))
  for (const [status, code, act] of [
    [404, 'not_found', (user: string) => remove(lead, id, user)],
    [
      401,
      'invalid_token',
      (_user: string, headers: Record<string, string>) => call(headers, 'POST', '/v1/auth/logout'),
    ],
  ] as const) {
    const user = await makeUser(gateway, world)
    const owner = await logIn(gateway, emailOf('owner'))
    await joinTenant(gateway, owner, acme.id, { user_id: user.id, roles: ['Agent'] })
    const headers = await logIn(gateway, user.email)
    t.ok((await add(lead, id, user.id)).status < 300)
    const waiting = poll(headers, id, 0, 25)
    await until('the poll waits', async () => gateway.app.server.connections !== 0)
    await act(user.id, headers)
    t.match(await waiting, { status, body: { code } })
  }
  t.ok(await say(lead, id, 'still there'))
})

// Attack: a suspended tenant listens on. This test is the last in the file, because it revokes all credentials.
t.test('4403 4401 a suspension and a lockdown close every connection of the tenant', async (t) => {
  const lead = await logIn(gateway, emailOf('lead'))
  const { id } = await open({}, lead)
  const operator = await logIn(gateway, emailOf('operator'))
  const { authorization } = operator
  const socket = await listen(lead, id)
  const act = (path: string, body?: object) =>
    call({ authorization }, 'POST', `/v1/platform/tenants/${acme.id}/${path}`, body)
  t.ok((await act('suspend', { reason: 'a test' })).status < 300)
  t.same(await socket.closed(SOON_MS), { code: 4403, reason: 'tenant_suspended' })
  t.ok((await act('activate')).status < 300)
  const again = await listen(lead, id)
  const locked = await act('lockdown', { reason: 'a test' })
  t.ok(locked.status < 300, locked.text)
  t.match(await again.closed(SOON_MS), { code: 4401 })
})
