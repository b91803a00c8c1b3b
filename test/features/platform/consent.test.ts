import { ALL_PRIVILEGES } from '../../../src/contract/scopes.js'
import { systemOrigin } from '../../../src/kernel/store/audit-record.js'
import { signedIn } from '../../guards/example-people.js'
import { guardedRoutes, pathOf } from '../../guards/route-table.js'
import { startGateway } from '../../helpers/gateway.js'
import { appoint } from '../../helpers/operators.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, PASSWORD } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { ids } = world
const root = await world.bearer('operator')

type Headers = Record<string, string>
type User = Awaited<ReturnType<typeof newUser>>
const newUser = () => signedIn(gateway, world)
const pathTo = ({ id }: { id: string }) => `/v1/platform/operators/${id}`
const offer = (user: { id: string }, privileges: readonly string[] = ALL_PRIVILEGES, headers = root) =>
  ask(gateway, pathTo(user), { method: 'PUT', headers, body: { privileges } })
const dismiss = (user: { id: string }, headers = root) => ask(gateway, pathTo(user), { method: 'DELETE', headers })
const respond = (response: 'accept' | 'decline', { headers }: { headers: Headers }) =>
  ask(gateway, `/v1/me/operator/${response}`, { method: 'POST', headers })
const profile = async ({ headers }: User) => (await ask(gateway, '/v1/me', { headers })).body
const logIn = async ({ email }: User) =>
  (await ask(gateway, '/v1/auth/login', { body: { email, password: PASSWORD } })).body
const listed = async ({ id }: User) =>
  (await ask(gateway, '/v1/platform/operators', { headers: root })).body.data.find(
    ({ user_id }: { user_id: string }) => user_id === id,
  )
const disable = ({ id }: { id: string }) =>
  ask(gateway, `/v1/platform/users/${id}/disable`, { method: 'POST', headers: root })
const missing = { status: 404, body: { code: 'not_found' } }
const closed = { status: 409, body: { code: 'invitation_closed' } }
const denied = { status: 403, body: { code: 'platform_access_denied' } }

/** Makes an operator who may appoint. */
async function newOperator(privileges = ['platform:operators:manage', 'platform:users:view']) {
  const user = await newUser()
  await appoint(gateway, root, user.id, privileges)
  return user
}

// Attack: an operator makes a user an operator who does not know it, and acts with a session of that user.
t.test('an offered appointment gives no privilege anywhere until the user accepts it', async (t) => {
  const user = await newUser()
  t.match(await offer(user), {
    status: 200,
    body: { user_id: user.id, state: 'pending', email: null, name: null, privileges: ALL_PRIVILEGES },
  })
  const routes = guardedRoutes(gateway.routes).filter(({ access }) => access.kind === 'operator')
  const refused = async () => {
    for (const { method, url, name } of routes) {
      const path = pathOf(url, { id: ids.agent, user_id: user.id })
      const body = method === 'GET' ? undefined : {}
      const answer = await ask(gateway, path, { method, headers: user.headers, body })
      t.match(answer, denied, name)
      t.notOk('missing' in answer.body, `${name}: a user who is no operator does not learn the privileges`)
    }
  }
  t.ok(routes.length > 15)
  await refused()
  t.match(await logIn(user), { user: { is_operator: false } })
  t.match(await listed(user), { state: 'pending', email: null, name: null, privileges: ALL_PRIVILEGES })
  t.match(await profile(user), { pending_appointment: { privileges: ALL_PRIVILEGES } })

  t.match(await respond('accept', user), { status: 200, body: { privileges: ALL_PRIVILEGES } })
  for (const path of ['tenants', 'users', 'operators', 'audit-events', 'analytics/overview']) {
    t.equal((await ask(gateway, `/v1/platform/${path}`, { headers: user.headers })).status, 200, path)
  }
  t.match(await logIn(user), { user: { is_operator: true } })
  t.match(await listed(user), { state: 'active', email: user.email })
  t.match(await profile(user), { pending_appointment: null })
  t.match(await respond('accept', user), missing, 'an offer is accepted once')
  t.match(await respond('decline', user), missing)
  const events = await gateway.sql(`select action, actor_id from audit_events where target_id = '${user.id}'
    and target_kind = 'operator' order by seq`)
  t.same(events, [
    { action: 'operator.offered', actor_id: ids.operator },
    { action: 'operator.accepted', actor_id: user.id },
  ])
  t.equal((await dismiss(user)).status, 204)
})

// Attack: a write that began when the user was an operator goes on after they became one who only has an offer.
t.test('a writer of the platform refuses a user who only has an offer', async (t) => {
  const user = await newUser()
  await offer(user)
  const [session] = await gateway.sql(`select id from sessions where user_id = '${user.id}'`)
  const store = gateway.stores.platform(() => ({
    ...systemOrigin('test'),
    actor: { kind: 'operator', id: user.id },
    proof: { session_id: String(session?.id), key_digest: null },
  }))
  await t.rejects(
    store.write('user.unlocked', (writers) => writers.platform_users.unlock(ids.agent)),
    { code: 'platform_access_denied' },
  )
  await t.rejects(
    store.write('operator.offered', (writers) => writers.operators.offer(ids.agent, ['platform:users:view'])),
    { code: 'platform_access_denied' },
  )
  t.equal((await respond('decline', user)).status, 204)
})

t.test('204 a declined or withdrawn offer is deleted, and can be made again', async (t) => {
  const user = await newUser()
  const ends: Record<string, () => Promise<{ status: number }>> = {
    declined: () => respond('decline', user),
    withdrawn: () => dismiss(user),
  }
  for (const [name, end] of Object.entries(ends)) {
    t.match(await offer(user), { status: 200, body: { state: 'pending' } }, name)
    t.equal((await end()).status, 204, name)
    t.match(await respond('accept', user), missing, name)
    t.equal(await listed(user), undefined, name)
    t.match(await profile(user), { pending_appointment: null }, name)
  }
  const events = await gateway.sql(`select action, actor_id from audit_events where target_id = '${user.id}'
    and target_kind = 'operator' order by seq`)
  t.same(events, [
    { action: 'operator.offered', actor_id: ids.operator },
    { action: 'operator.declined', actor_id: user.id },
    { action: 'operator.offered', actor_id: ids.operator },
    { action: 'operator.removed', actor_id: ids.operator },
  ])
})

// Attack: somebody else gives the consent of a user: another user, the operator, or a second offer.
t.test('404 only the user of the offer can accept it', async (t) => {
  const user = await newUser()
  await offer(user)
  t.match(await respond('accept', await newUser()), missing, 'another user')
  t.match(await respond('accept', { headers: root }), missing, 'the operator')
  t.match(
    await offer(user, ['platform:users:view']),
    { body: { state: 'pending' } },
    'a second offer replaces the first',
  )
  t.match(await respond('accept', user), { status: 200, body: { privileges: ['platform:users:view'] } })
  t.equal((await dismiss(user)).status, 204)
})

// Attack: a bug or an injection in a request of an operator writes the table with the database role of the platform.
t.test('the database refuses an operator without an offer, and privileges without consent', async (t) => {
  const [user, other] = [await newUser(), await newUser()]
  await offer(user)
  const asPlatform = (statement: string) =>
    gateway.sql(`begin; set local role gatehouse_platform; ${statement}; commit`)
  const insert = (columns: string, values: string) =>
    asPlatform(`insert into operators (user_id, created_at, ${columns}) values ('${other.id}', now(), ${values})`)
  const change = (set: string) => asPlatform(`update operators set ${set} where user_id = '${user.id}'`)
  const attempts: Record<string, () => Promise<unknown>> = {
    'inserted with a consent': () => insert('privileges, accepted_at', `'{platform:users:view}', now()`),
    'inserted without a consent': () => insert('privileges', `'{platform:users:view}'`),
    'inserted with nothing': () => insert('accepted_at', 'null'),
    'privileges for an offer': () => change(`privileges = '{platform:users:view}'`),
    'a consent that leaves the offer': () => change('accepted_at = now()'),
  }
  for (const [name, attempt] of Object.entries(attempts)) {
    await t.rejects(attempt(), /row-level security|operators_consent_check/, name)
    await gateway.sql('rollback')
  }
  t.equal((await dismiss(user)).status, 204)
})

// Attack: an operator makes an offer to a second user of theirs, loses their privileges, and accepts with that user.
t.test('404 409 an offer ends when the operator who made it could not make it any more', async (t) => {
  const manage = 'platform:operators:manage'
  const view = 'platform:users:view'
  const enders: Record<string, readonly [typeof missing, (offerer: { id: string }) => Promise<unknown>]> = {
    dismissed: [missing, (offerer) => dismiss(offerer)],
    'may not appoint': [missing, (offerer) => offer(offerer, [view])],
    'lacks what was offered': [missing, (offerer) => offer(offerer, [manage])],
    disabled: [missing, (offerer) => disable(offerer)],
    'lacks what was offered, at the acceptance': [
      closed,
      ({ id }) => gateway.sql(`update operators set privileges = '{${manage}}' where user_id = '${id}'`),
    ],
    'may not appoint, at the acceptance': [
      closed,
      ({ id }) => gateway.sql(`update operators set privileges = '{${view}}' where user_id = '${id}'`),
    ],
    'dismissed, at the acceptance': [closed, ({ id }) => gateway.sql(`delete from operators where user_id = '${id}'`)],
    'disabled, at the acceptance': [
      closed,
      ({ id }) => gateway.sql(`update users set disabled_at = now() where id = '${id}'`),
    ],
  }
  for (const [name, [refusal, end]] of Object.entries(enders)) {
    const [offerer, accomplice] = [await newOperator(), await newUser()]
    t.equal((await offer(accomplice, [view], offerer.headers)).status, 200, name)
    await end(offerer)
    t.match(await respond('accept', accomplice), refusal, name)
    t.match(await ask(gateway, '/v1/platform/users', { headers: accomplice.headers }), denied, name)
    await gateway.sql(`delete from operators where user_id in ('${offerer.id}', '${accomplice.id}')`)
  }
  const withdrawn = await gateway.sql(`select action from audit_events
    where changes ? 'withdrawn_appointments' order by seq`)
  t.same(
    withdrawn.map(({ action }) => action),
    ['operator.removed', 'operator.updated', 'operator.updated', 'user.disabled'],
  )
})

t.test(
  '200 an offer stays when its operator loses what the offer does not need, or another one is dismissed',
  async (t) => {
    const [offerer, other, user] = [await newOperator(), await newOperator(), await newUser()]
    await offer(user, ['platform:operators:manage'], offerer.headers)
    await dismiss(other)
    await offer(offerer, ['platform:operators:manage'])
    t.equal((await respond('accept', user)).status, 200)
    await dismiss(offerer)
    t.equal((await listed(user)).state, 'active', 'an accepted appointment does not depend on who offered it')
    t.equal((await dismiss(user)).status, 204)
  },
)

// Attack: an operator offers more than they hold, or changes only a part of an offer that another operator made.
t.test('403 an operator offers only privileges that they hold, also when they change an offer', async (t) => {
  const [manager, user] = [await newOperator(), await newUser()]
  const escalation = { status: 403, body: { code: 'privilege_escalation' } }
  t.match(await offer(user, ['platform:audit:view'], manager.headers), escalation)
  await offer(user, ['platform:audit:view'])
  t.match(await offer(user, ['platform:audit:view', 'platform:users:view'], manager.headers), escalation)
  t.equal((await offer(user, ['platform:users:view'], manager.headers)).status, 200)
  t.match(await respond('accept', user), { status: 200, body: { privileges: ['platform:users:view'] } })
  t.equal((await dismiss(user)).status, 204)
  t.equal((await dismiss(manager)).status, 204)
})

// Attack: the last operator offers the appointment to a user who never answers, and leaves the platform without operators.
t.test('409 an operator who has not accepted does not count as one who can appoint', async (t) => {
  const last = { status: 409, body: { code: 'last_operator' } }
  const user = await newUser()
  await offer(user)
  t.match(await dismiss({ id: ids.operator }), last)
  t.match(await offer({ id: ids.operator }, ['platform:users:view']), last)
  t.match(await disable({ id: ids.operator }), last)
  t.equal((await disable(user)).status, 200)
  t.equal((await ask(gateway, `/v1/platform/users/${user.id}/enable`, { method: 'POST', headers: root })).status, 200)
  t.match(await logIn(user), { user: { is_operator: false } })
  t.equal((await dismiss(user)).status, 204)
})

// The route reads whether the user is an operator before it waits for the lock.
t.test('409 an offer to an operator, or a change of an offer as if it were accepted, is refused', async (t) => {
  const [operator, user] = [await newOperator(), await newUser()]
  await offer(user)
  const privileges = ['platform:users:view'] as const
  await t.rejects(
    world.platform.write('operator.offered', (store) => store.operators.offer(operator.id, privileges)),
    { code: 'invalid_state' },
  )
  await t.rejects(
    world.platform.write('operator.updated', (store) => store.operators.update(user.id, privileges)),
    { code: 'invalid_state' },
  )
  t.equal((await dismiss(user)).status, 204)
  t.equal((await dismiss(operator)).status, 204)
})
