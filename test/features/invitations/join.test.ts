import { BUILT_IN_SCOPES } from '../../../src/kernel/permissions/scope-catalogue.js'
import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { linkMail } from '../../helpers/link-mails.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'

const HOUR_MS = 3_600_000
const CHOSEN = 'copper-violin-harbour-93'
const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme } = world

let invited = 0
/** Invites an address as the gateway itself. @returns the token of the mail, and the id of the invitation */
async function invite(email = `new${++invited}@people.example`, roles = ['Agent', 'Analyst'], to = acme) {
  const mail = linkMail()
  const { id } = await to.store.write('invitation.created', (store) =>
    store.invitations.create(email, roles, BUILT_IN_SCOPES, mail),
  )
  return { email, id, token: mail.token() }
}
const join = (token: string, body: unknown = { name: 'Nora New', password: CHOSEN }, at = gateway) =>
  ask(at, `/v1/invitations/${token}/join`, { body })
const show = (token: string, at = gateway) => ask(at, `/v1/invitations/${token}`)
const login = (email: string, password: string) => ask(gateway, '/v1/auth/login', { body: { email, password } })
const closed = { status: 409, body: { code: 'invitation_closed' } }
const unknown = { status: 404, body: { code: 'not_found' } }
const userOf = async (email: string) => (await gateway.sql(`select * from users where email = '${email}'`))[0]

t.test('200 the holder of the link sees tenant, roles and inviter, as often as they look', async (t) => {
  const headers = await world.bearer('owner')
  const { email } = await invite()
  const { token } = await invite(email)
  await gateway.sql(`update invitations set invited_by = '${world.ids.owner}' where email = '${email}'`)
  t.equal(gateway.config.allow_registration, false)
  for (const _look of [1, 2, 3]) {
    t.match(await show(token), {
      status: 200,
      body: {
        tenant: { id: acme.id, name: 'Acme ACMEMARK' },
        roles: ['Agent', 'Analyst'],
        invited_by: { name: 'The owner' },
        email,
        expires_at: /Z$/,
        is_registered: false,
      },
    })
  }
  const registered = await makeUser(gateway, world)
  const own = await invite(registered.email, [])
  t.match((await show(own.token)).body, { is_registered: true, roles: [], invited_by: null })
  const listed = await ask(gateway, `/v1/tenants/${acme.id}/invitations`, { headers })
  t.notOk(listed.text.includes('is_registered'), 'the tenant does not learn who has a user')
})

t.test('200 a person without a user joins in one step without ALLOW_REGISTRATION, and is signed in', async (t) => {
  t.equal(gateway.config.allow_registration, false)
  const { email, id, token } = await invite()
  const answer = await join(token)
  t.match(answer, {
    status: 200,
    body: {
      tenant: { id: acme.id, name: 'Acme ACMEMARK' },
      token_type: 'Bearer',
      refresh: /^ghr_/,
      user: { email, name: 'Nora New', is_operator: false },
    },
  })
  const me = await ask(gateway, '/v1/me', { headers: { authorization: `Bearer ${answer.body.access}` } })
  t.match(me.body, {
    email_verified_at: /Z$/,
    invitations: [],
    memberships: [{ tenant: { id: acme.id }, state: 'active', roles: ['Agent', 'Analyst'] }],
  })
  t.equal((await login(email, CHOSEN)).status, 200)
  const events = await gateway.sql(`select * from audit_events where target_id = '${id}' and action like '%joined'`)
  t.match(events, [{ actor_kind: 'anonymous', tenant_id: acme.id, changes: { user_id: answer.body.user.id } }])
  t.match(await show(token), closed)
  t.match(await join(token), closed, 'a link works once')
})

// Attack: a leaked link of an existing user. It must not replace the password, and not bypass it.
t.test('409 the link of an existing user changes no password, and starts no session', async (t) => {
  const user = await makeUser(gateway, world)
  const before = await userOf(user.email)
  const { token } = await invite(user.email)
  t.match(await join(token), {
    status: 409,
    body: { code: 'already_registered', detail: /Log in as this user, and accept with POST/ },
  })
  await gateway.sql(`update users set email_verified_at = null where id = '${user.id}'`)
  t.match(await join(token), { status: 409, body: { code: 'already_registered' } }, 'an unverified user')
  await gateway.sql(`update users set disabled_at = now() where id = '${user.id}'`)
  t.match(await join(token), { status: 409, body: { code: 'already_registered' } }, 'a disabled user')
  await gateway.sql(`update users set disabled_at = null, email_verified_at = now() where id = '${user.id}'`)
  const after = await userOf(user.email)
  t.same({ ...after, email_verified_at: null }, { ...before, email_verified_at: null })
  t.same(await gateway.sql(`select from sessions where user_id = '${user.id}'`), [])
  t.same(await gateway.sql(`select from memberships where user_id = '${user.id}'`), [])
  const { body } = await login(user.email, PASSWORD)
  const headers = { authorization: `Bearer ${body.access}` }
  t.equal((await ask(gateway, `/v1/invitations/${token}/accept`, { method: 'POST', headers })).status, 200)
})

// Attack: uses one link at the same moment for two users, or while the address registers in another way.
t.test('200 409 of 12 concurrent joins one succeeds, and of a join and a registration one', async (t) => {
  const { email, token } = await invite()
  const bodies = Array.from({ length: 12 }, (_, number) => ({
    name: `Nora ${number}`,
    password: `${CHOSEN}-${number}`,
  }))
  const answers = await Promise.all(bodies.map((body) => join(token, body)))
  const [winner, ...others] = answers.filter(({ status }) => status === 200)
  t.same(others, [])
  t.ok(
    answers.every(({ status, body }) => status === 200 || /^(invitation_closed|already_registered)$/.test(body.code)),
    answers.map(({ status, text }) => `${status} ${text}`).join('\n'),
  )
  t.equal((await gateway.sql(`select from users where email = '${email}'`)).length, 1)
  t.equal((await gateway.sql(`select from memberships where user_id = '${winner?.body.user.id}'`)).length, 1)

  const other = await invite()
  const password_hash = String((await userOf(email))?.password_hash)
  const registered = () =>
    world.platform.write('user.created', (store) =>
      store.users.create({ email: other.email, name: 'Other', password_hash, is_verified: false }),
    )
  const [joined, created] = await Promise.all([join(other.token), registered()])
  t.equal(joined.status === 200, created === undefined, joined.text)
  if (joined.status !== 200) t.match(joined, { status: 409, body: { code: 'already_registered' } })
})

t.test('404 409 a wrong, replaced, revoked or expired link is refused, and creates no user', async (t) => {
  const first = await invite()
  const second = await invite(first.email)
  t.match(await join(first.token), closed, 'a newer invitation has revoked it')
  for (const token of [`ght_${'A'.repeat(43)}`, second.token.slice(0, -1), `${second.token}A`, second.id, 'x']) {
    t.match(await show(token), unknown, token)
    t.match(await join(token), unknown, token)
  }
  await acme.store.write('invitation.revoked', (store) => store.invitations.revoke(second.id))
  t.match(await show(second.token), closed)
  t.match(await join(second.token), closed)
  const late = await invite()
  gateway.clock.advance(72 * HOUR_MS)
  t.match(await show(late.token), closed)
  t.match(await join(late.token), closed)
  gateway.clock.advance(-72 * HOUR_MS)
  for (const { email } of [first, late]) t.equal(await userOf(email), undefined, email)
})

// Attack: a member invites an accomplice, loses their rights, and the accomplice joins as a new user.
t.test('409 the inviter must be able to grant the roles when the person joins', async (t) => {
  const { email, token } = await invite()
  await gateway.sql(`update invitations set invited_by = '${world.ids.agent}' where email = '${email}'`)
  t.match(await show(token), closed)
  t.match(await join(token), closed)
  await gateway.sql(`update invitations set invited_by = null where email = '${email}'`)
  for (const state of ['suspended_at', 'deleted_at']) {
    await gateway.sql(`update tenants set ${state} = now() where id = '${acme.id}'`)
    t.match(await show(token), closed, state)
    t.match(await join(token), closed, state)
    await gateway.sql(`update tenants set ${state} = null where id = '${acme.id}'`)
  }
  t.equal(await userOf(email), undefined)
  t.equal((await join(token)).status, 200)
})

t.test('400 a weak password or a blank name leaves the link unused', async (t) => {
  const { email, token } = await invite()
  for (const [body, pointer] of [
    [{ name: 'Nora', password: 'short' }, '/password'],
    [{ name: 'Nora', password: email }, '/password'],
    [{ name: ' ', password: CHOSEN }, '/name'],
    [{ password: CHOSEN }, '/name'],
    [{ name: 'Nora', password: CHOSEN, roles: ['Owner'] }, '/roles'],
    [{ name: 'Nora', password: CHOSEN, email: emailOf('owner') }, '/email'],
  ] as const) {
    t.match(await join(token, body), { status: 400, body: { errors: [{ pointer }] } }, JSON.stringify(body))
  }
  t.equal((await join(token)).status, 200)
})

// Attack: guesses tokens, or makes the gateway hash passwords without end.
t.test('429 joins have the budget of logins, and unknown links that of refused credentials', async (t) => {
  const local = await startGateway({
    env: { BUDGET_LOGIN_ADDRESS: '3/60', BUDGET_REFUSED: '4/60' },
    on: gateway.test_database,
  })
  t.teardown(() => local.close())
  const { token } = await invite()
  const weak = { name: 'Nora', password: 'short' }
  const statuses: number[] = []
  for (let tries = 0; tries < 4; tries += 1) statuses.push((await join(token, weak, local)).status)
  t.same(statuses, [400, 400, 400, 429])
  const guesses: number[] = []
  for (let tries = 0; tries < 5; tries += 1) guesses.push((await show(`ght_${'B'.repeat(42)}${tries}`, local)).status)
  t.same(guesses, [404, 404, 404, 404, 429])
  t.equal((await show(token, local)).status, 200, 'a working link is shown')
})
