import { BUILT_IN_SCOPES } from '../../../src/kernel/permissions/scope-catalogue.js'
import { makeUser } from '../../guards/examples.js'
import { startWithHeldReplica } from '../../helpers/held-replica.js'
import { linkMail } from '../../helpers/link-mails.js'
import { appoint } from '../../helpers/operators.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'

const { gateway, replica, hold } = await startWithHeldReplica(t)
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const operator = await world.bearer('operator')

type Headers = Record<string, string>
type Sent = readonly [method: string, path: string, body?: unknown]
const change = async (headers: Headers, ...[method, path, body]: Sent) => {
  const answer = await ask(gateway, path, { method, headers, body })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`)
  return answer.body
}
async function signedIn() {
  const user = await makeUser(gateway, world)
  const { access } = await change({}, 'POST', '/v1/auth/login', { email: user.email, password: PASSWORD })
  return { ...user, headers: { authorization: `Bearer ${access}` } }
}

/** Sends a change, runs `end` while its transaction waits, and returns the response. */
async function late(headers: Headers, [method, path, body]: Sent, end: () => Promise<unknown>) {
  const { answers, release } = await hold(1, () => ask(replica, path, { method, headers, body }))
  await end()
  release()
  const [answer] = await Promise.all(answers)
  if (answer === undefined) throw new Error('no response')
  return answer
}

/** The state that a late change must not change. */
const state = () =>
  gateway.sql(`select (select jsonb_agg(x order by id) from tenants x) as tenants,
    (select jsonb_agg(to_jsonb(x) - 'session_revocations' order by id) from users x) as users,
    (select jsonb_agg(x order by tenant_id, user_id) from memberships x) as members,
    (select jsonb_agg(jsonb_build_array(user_id, accepted_at) order by user_id) from operators) as operators`)

const tenant = `/v1/platform/tenants/${globex.id}`
/** The changes of an operator, apart from those of operators. */
const BY_OPERATOR: Record<string, () => Sent> = {
  createPlatformTenant: () => ['POST', '/v1/platform/tenants', { name: 'Late', owner_email: emailOf('stranger') }],
  changePlan: () => ['PATCH', tenant, { plan: 'late' }],
  suspendTenant: () => ['POST', `${tenant}/suspend`, { reason: 'late' }],
  activateTenant: () => ['POST', `${tenant}/activate`],
  lockDownTenant: () => ['POST', `${tenant}/lockdown`],
  disableUser: () => ['POST', `/v1/platform/users/${ids.stranger}/disable`],
  enableUser: () => ['POST', `/v1/platform/users/${ids.disabled}/enable`],
  unlockUser: () => ['POST', `/v1/platform/users/${ids.stranger}/unlock`],
  createPlatformUser: () => [
    'POST',
    '/v1/platform/users',
    { email: 'late@people.example', name: 'Late', password: 'walnut-harbour-crystal-93' },
  ],
}

// Attack: an operator who is about to be dismissed keeps requests waiting, and they suspend tenants or disable users after it.
t.test('403 401 no change of an operator is made after the operator was dismissed or logged out', async (t) => {
  for (const [name, sent] of Object.entries(BY_OPERATOR)) {
    const acting = await signedIn()
    const path = `/v1/platform/operators/${acting.id}`
    const privileges = ['platform:tenants:manage', 'platform:users:manage']
    await appoint(gateway, operator, acting.id, privileges)
    const before = await state()
    const demote = () => change(operator, 'PUT', path, { privileges: ['platform:audit:view'] })
    const demoted = await late(acting.headers, sent(), demote)
    t.match(demoted, { status: 403, body: { code: 'platform_access_denied' } }, `${name}, demoted`)
    await change(operator, 'PUT', path, { privileges })
    const out = await late(acting.headers, sent(), () => change(acting.headers, 'POST', '/v1/auth/logout'))
    t.match(out, { status: 401, body: { code: 'invalid_token' } }, `${name}, logged out`)
    t.same(await state(), before, name)
  }
})

/** The changes that a user makes for themselves, with what they need. */
const BY_USER: Record<string, (user: { id: string; email: string }) => Promise<Sent>> = {
  createTenant: async () => ['POST', '/v1/tenants', { name: 'Late' }],
  updateMe: async () => ['PATCH', '/v1/me', { name: 'Late' }],
  async acceptInvitation({ email }) {
    const mail = linkMail()
    await acme.store.write('invitation.created', (store) =>
      store.invitations.create(email, ['Agent'], BUILT_IN_SCOPES, mail),
    )
    return ['POST', `/v1/invitations/${mail.token()}/accept`]
  },
  async acceptMembership({ id }) {
    await acme.store.write('member.added', (store) => store.members.add(id, ['Agent'], BUILT_IN_SCOPES))
    return ['POST', `/v1/me/memberships/${acme.id}/accept`]
  },
  async acceptAppointment({ id }) {
    await change(operator, 'PUT', `/v1/platform/operators/${id}`, { privileges: ['platform:users:view'] })
    return ['POST', '/v1/me/operator/accept']
  },
}

// Attack: a thief of a session accepts an invitation with a request that waits while the user ends the session.
t.test(
  '401 no user joins or creates a tenant, or becomes an operator, with a session that ended while the request waited',
  async (t) => {
    for (const [name, prepare] of Object.entries(BY_USER)) {
      const user = await signedIn()
      const sent = await prepare(user)
      const before = await state()
      const answer = await late(user.headers, sent, () => change(user.headers, 'POST', '/v1/auth/logout'))
      t.match(answer, { status: 401, body: { code: 'invalid_token' } }, name)
      t.same(await state(), before, name)
    }
  },
)
