import { BUILT_IN_SCOPES } from '../../../src/kernel/permissions/scope-catalogue.js'
import { systemOrigin } from '../../../src/kernel/store/audit-record.js'
import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { linkMail } from '../../helpers/link-mails.js'
import { acceptMembership, joinTenant } from '../../helpers/members.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, PASSWORD } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const operator = await world.bearer('operator')

type Headers = Record<string, string>
const change = async (headers: Headers, method: string, path: string, body?: unknown) => {
  const { 'if-match': _, ...rest } = headers
  const answer = await ask(gateway, path, { method, headers: path.includes('/roles/') ? headers : rest, body })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`)
  return answer.body
}
const signIn = async ({ email }: { email: string }) => {
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email, password: PASSWORD } })
  return { authorization: `Bearer ${body.access}` }
}

/** A tenant whose member invited an accomplice. The member is an Admin, or has a custom role and may manage members. */
async function scene(kind: 'Admin' | 'Custom' = 'Admin') {
  const [owner, inviter, guest] = [
    await makeUser(gateway, world),
    await makeUser(gateway, world),
    await makeUser(gateway, world),
  ]
  const { id: tenant_id } = await change(operator, 'POST', '/v1/platform/tenants', {
    name: 'Inviting',
    owner_id: owner.id,
  })
  await acceptMembership(gateway, tenant_id, owner.id)
  const path = `/v1/tenants/${tenant_id}`
  const headers = { 'if-match': '"1"', ...(await signIn(owner)) }
  const scopes = ['users:manage', 'audit:view']
  const role = await change(headers, 'POST', `${path}/roles`, { name: 'Custom', scopes })
  const member = `${path}/members/${inviter.id}`
  await joinTenant(gateway, headers, tenant_id, { user_id: inviter.id, roles: [kind] })
  await signIn(inviter)
  const [session] = await gateway.sql(`select id from sessions where user_id = '${inviter.id}'`)
  const by_inviter = gateway.stores.tenant(tenant_id, () => ({
    ...systemOrigin('test'),
    actor: { kind: 'user', id: inviter.id },
    proof: { session_id: String(session?.id), key_digest: null },
  }))
  const mail = linkMail()
  const record = await by_inviter.write('invitation.created', (store) =>
    store.invitations.create(guest.email, [kind], BUILT_IN_SCOPES, mail),
  )
  const token = mail.token()
  const guest_headers = await signIn(guest)
  return {
    tenant_id,
    path,
    member,
    inviter,
    role: `${path}/roles/${role.id}`,
    headers,
    invitation_id: record.id,
    accept: () => ask(gateway, `/v1/invitations/${token}/accept`, { method: 'POST', headers: guest_headers }),
    is_revoked: async () => {
      const [row] = await gateway.sql(`select revoked_at from invitations where id = '${record.id}'`)
      return row?.revoked_at !== null
    },
  }
}
type Scene = Awaited<ReturnType<typeof scene>>
const closed = { status: 409, body: { code: 'invitation_closed' } }
const deny = { effect: 'deny', reason: 'a test' }

/** The changes after which the inviter could not make the invitation any more. */
const ENDERS: Record<string, readonly ['Admin' | 'Custom', (scene: Scene) => Promise<unknown>]> = {
  'was removed': ['Admin', ({ headers, member }) => change(headers, 'DELETE', member)],
  'was demoted': ['Admin', ({ headers, member }) => change(headers, 'PATCH', member, { roles: ['Agent'] })],
  'was disabled': ['Admin', ({ headers, member }) => change(headers, 'PATCH', member, { state: 'disabled' })],
  'may not manage members': [
    'Admin',
    ({ headers, member }) => change(headers, 'PUT', `${member}/overrides/users:manage`, deny),
  ],
  'lost a scope of the role': [
    'Custom',
    ({ headers, member }) => change(headers, 'PUT', `${member}/overrides/audit:view`, deny),
  ],
  'lost the scopes of their role': ['Custom', ({ headers, role }) => change(headers, 'PATCH', role, { scopes: [] })],
  'lost their role': ['Custom', ({ headers, role }) => change(headers, 'DELETE', role)],
}

for (const [name, [kind, end]] of Object.entries(ENDERS)) {
  // Attack: a member invites a second address of theirs, loses their rights, and accepts with the second user.
  t.test(`409 an open invitation ends when its inviter ${name}`, async (t) => {
    const here = await scene(kind)
    await end(here)
    t.ok(await here.is_revoked(), 'revoked by the same change')
    t.match(await here.accept(), closed)
    const [event] = await gateway.sql(
      `select changes from audit_events where tenant_id = '${here.tenant_id}' order by chain_seq desc limit 1`,
    )
    t.match(event, { changes: { revoked_invitations: [here.invitation_id] } }, 'the audit names the invitation')
  })
}

// Attack: the inviter loses their rights by a change that does not concern the tenant, or without the revocation.
t.test('409 an acceptance checks what the inviter may grant at that moment', async (t) => {
  const disabled = await scene()
  await change(operator, 'POST', `/v1/platform/users/${disabled.inviter.id}/disable`)
  t.match(await disabled.accept(), closed, 'the user is disabled')
  const removed = await scene()
  await gateway.sql(`delete from membership_roles where user_id = '${removed.inviter.id}'`)
  t.match(await removed.accept(), closed, 'the roles were removed')
  t.notOk(await removed.is_revoked())
  const widened = await scene('Custom')
  await gateway.sql(
    `update roles set scopes = scopes || '{keys:manage}' where id = '${widened.role.split('/').at(-1)}'`,
  )
  await gateway.sql(`insert into overrides values
    ('${widened.tenant_id}', '${widened.inviter.id}', 'keys:manage', 'deny', 'a test', now())`)
  t.match(await widened.accept(), closed, 'the role has a new scope that the inviter does not hold')
})

t.test('200 an invitation stays open while its inviter could still make it', async (t) => {
  const here = await scene('Custom')
  await change(here.headers, 'PATCH', here.member, { roles: ['Admin'] })
  await change(here.headers, 'PUT', `${here.member}/overrides/settings:manage`, deny)
  t.notOk(await here.is_revoked())
  t.equal((await here.accept()).status, 200)
})

// Attack: the client accepts an invitation that a thief sent before the lockdown of the tenant.
t.test('409 a lockdown ends the open invitations of the tenant', async (t) => {
  const here = await scene()
  const lockdown = await change(operator, 'POST', `/v1/platform/tenants/${here.tenant_id}/lockdown`)
  t.match(lockdown, { invitations_revoked: 1 })
  t.ok(await here.is_revoked())
  t.match(await here.accept(), { status: 409 })
})
