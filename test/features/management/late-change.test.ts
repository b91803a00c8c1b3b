import { makeUser } from '../../guards/examples.js'
import { startWithHeldReplica } from '../../helpers/held-replica.js'
import { acceptMembership, joinTenant } from '../../helpers/members.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, keyHeaders, login, PASSWORD } from '../../helpers/world.js'

const { gateway, replica, hold } = await startWithHeldReplica(t)
const world = await buildWorld(gateway)
const owner = await world.bearer('owner')
const operator = await world.bearer('operator')

type Headers = Record<string, string>
const change = async (headers: Headers, method: string, path: string, body?: unknown, more: Headers = {}) => {
  const answer = await ask(gateway, path, { method, headers: { ...headers, ...more }, body })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`)
  return answer.body
}

/** A tenant of its own for one test, with an Admin who is signed in, and with objects that the Admin could change. */
async function scene(roles = ['Admin']) {
  const [{ id: tenant_id }, admin, other, guest] = [
    await change(operator, 'POST', '/v1/platform/tenants', { name: 'Late', owner_email: emailOf('owner') }),
    await makeUser(gateway, world),
    await makeUser(gateway, world),
    await makeUser(gateway, world),
  ]
  const path = `/v1/tenants/${tenant_id}`
  await acceptMembership(gateway, tenant_id, world.ids.owner)
  await joinTenant(gateway, owner, tenant_id, { user_id: admin.id, roles })
  await joinTenant(gateway, owner, tenant_id, { user_id: other.id, roles: ['Agent'] })
  await change(owner, 'PUT', `${path}/members/${other.id}/overrides/audit:view`, { effect: 'deny', reason: 'a test' })
  const role = await change(owner, 'POST', `${path}/roles`, { name: 'Custom', scopes: [] })
  const key = await change(owner, 'POST', `${path}/keys`, { name: 'Key', scopes: ['audit:view'] })
  await change(owner, 'PATCH', `${path}/keys/${key.id}`, { disabled: true })
  const invitation = await change(owner, 'POST', `${path}/invitations`, { email: 'late@people.example', roles: [] })
  const body = { email: admin.email, password: PASSWORD }
  const session = (await ask(gateway, '/v1/auth/login', { body })).body
  const headers = { authorization: `Bearer ${session.access}` }
  return { tenant_id, path, admin, other, guest, role, key, invitation, headers }
}
type Scene = Awaited<ReturnType<typeof scene>>

/** The changes of rights that a member can make: method, path and body. */
const CHANGES: Record<string, (scene: Scene) => [method: string, path: string, body?: unknown]> = {
  addMember: ({ path, guest }) => ['POST', `${path}/members`, { user_id: guest.id, roles: ['Admin'] }],
  updateMember: ({ path, other }) => ['PATCH', `${path}/members/${other.id}`, { roles: ['Admin'] }],
  removeMember: ({ path, other }) => ['DELETE', `${path}/members/${other.id}`],
  setOverride: ({ path, other }) => [
    'PUT',
    `${path}/members/${other.id}/overrides/keys:manage`,
    { effect: 'grant', reason: 'late' },
  ],
  removeOverride: ({ path, other }) => ['DELETE', `${path}/members/${other.id}/overrides/audit:view`],
  createRole: ({ path }) => ['POST', `${path}/roles`, { name: 'Late', scopes: ['audit:view'] }],
  updateRole: ({ path, role }) => ['PATCH', `${path}/roles/${role.id}`, { scopes: ['audit:view'] }],
  deleteRole: ({ path, role }) => ['DELETE', `${path}/roles/${role.id}`],
  createInvitation: ({ path }) => ['POST', `${path}/invitations`, { email: 'new@people.example', roles: ['Admin'] }],
  resendInvitation: ({ path, invitation }) => ['POST', `${path}/invitations/${invitation.id}/resend`],
  revokeInvitation: ({ path, invitation }) => ['DELETE', `${path}/invitations/${invitation.id}`],
  updateTenant: ({ path }) => ['PATCH', path, { name: 'Renamed too late' }],
  createKey: ({ path }) => ['POST', `${path}/keys`, { name: 'Late', scopes: ['audit:view'] }],
  updateKey: ({ path, key }) => ['PATCH', `${path}/keys/${key.id}`, { disabled: false }],
  revokeKey: ({ path, key }) => ['DELETE', `${path}/keys/${key.id}`],
  rotateKey: ({ path, key }) => ['POST', `${path}/keys/${key.id}/rotate`, { overlap_seconds: 0 }],
}

/** What ends the right to make these changes, and the code of the refusal. */
const ENDERS: Record<string, readonly [code: string, end: (scene: Scene) => Promise<unknown>]> = {
  'a demotion': [
    'insufficient_scope',
    ({ path, admin }) => change(owner, 'PATCH', `${path}/members/${admin.id}`, { roles: ['Agent'] }),
  ],
  'a removal': ['tenant_access_denied', ({ path, admin }) => change(owner, 'DELETE', `${path}/members/${admin.id}`)],
  'a logout': ['invalid_token', ({ headers }) => change(headers, 'POST', '/v1/auth/logout')],
  'disabling the user': [
    'invalid_token',
    ({ admin }) => change(operator, 'POST', `/v1/platform/users/${admin.id}/disable`),
  ],
}

/** Sends a change as a caller, runs `end` while its transaction waits, and returns the response. */
async function late(
  { headers, role: { version } }: Scene,
  [method, path, body]: [string, string, unknown?],
  end: () => Promise<unknown>,
) {
  const { answers, release } = await hold(1, () =>
    ask(replica, path, { method, headers: { 'if-match': `"${version}"`, ...headers }, body }),
  )
  await end()
  release()
  const [answer] = await Promise.all(answers)
  if (answer === undefined) throw new Error('no response')
  return answer
}

const eventsIn = async (tenant_id: string) =>
  (await gateway.sql(`select action from audit_events where tenant_id = '${tenant_id}' order by chain_seq`)).map(
    ({ action }) => action,
  )

for (const [ender, [code, end]] of Object.entries(ENDERS)) {
  // Attack: a member whose rights end keeps requests waiting for the lock of the tenant, and they grant rights afterwards.
  t.test(`401 403 no change of rights that waits for its transaction is made after ${ender}`, async (t) => {
    for (const [name, request] of Object.entries(CHANGES)) {
      const here = await scene()
      const before = await eventsIn(here.tenant_id)
      const answer = await late(here, request(here), () => end(here))
      t.equal(answer.body?.code, code, `${name}: ${answer.text}`)
      const own = (await eventsIn(here.tenant_id)).slice(before.length)
      t.ok(own.length <= 1, `${name}: only the event of the end: ${own}`)
    }
  })
}

// Attack: a member who loses a scope, but not users:manage, grants that scope with a request that waits.
t.test('403 a scope that the member lost while the request waited cannot be granted', async (t) => {
  for (const name of ['updateMember', 'createRole', 'createInvitation', 'removeOverride'] as const) {
    const here = await scene()
    const answer = await late(here, CHANGES[name]?.(here) as [string, string], () =>
      change(owner, 'PUT', `${here.path}/members/${here.admin.id}/overrides/audit:view`, {
        effect: 'deny',
        reason: 'lost',
      }),
    )
    t.match(answer, { status: 403, body: { code: 'privilege_escalation' } }, name)
  }
})

// Attack: a demoted Owner deletes the tenant with a request that waits.
t.test('403 an Owner who was demoted while the request waited does not delete the tenant', async (t) => {
  const here = await scene(['Owner'])
  const answer = await late(here, ['DELETE', here.path], () =>
    change(owner, 'PATCH', `${here.path}/members/${here.admin.id}`, { roles: ['Admin'] }),
  )
  t.match(answer, { status: 403, body: { code: 'owner_required' } })
  t.equal((await ask(gateway, here.path, { headers: owner })).status, 200)
})

// Attack: the client creates keys with a stolen session while an operator locks the tenant down.
t.test('401 no key is made after a lockdown by a request that the table allowed before it', async (t) => {
  const here = await scene()
  const send = CHANGES.createKey?.(here) as [string, string, unknown]
  const answer = await late(here, send, () =>
    change(operator, 'POST', `/v1/platform/tenants/${here.tenant_id}/lockdown`),
  )
  t.match(answer, { status: 401, body: { code: 'invalid_token' } })
  const active = await gateway.sql(
    `select id from tenant_keys where tenant_id = '${here.tenant_id}' and revoked_at is null`,
  )
  t.strictSame(active, [])
})

// Attack: a key rotates itself with a request that waits while the key is disabled.
t.test('401 a key that was disabled while the request waited does not rotate itself', async (t) => {
  const { access } = await login(gateway, 'other_owner')
  const manager = { authorization: `Bearer ${access}` }
  const keys = `/v1/tenants/${world.globex.id}/keys`
  const { id, key } = await change(manager, 'POST', keys, { name: 'Script' })
  const { answers, release } = await hold(1, () =>
    ask(replica, '/v1/key/rotate', { headers: keyHeaders({ id: world.globex.id, key }), body: { overlap_seconds: 0 } }),
  )
  await change(manager, 'PATCH', `${keys}/${id}`, { disabled: true })
  release()
  t.match(await answers[0], { status: 401, body: { code: 'invalid_tenant_credentials' } })
})
