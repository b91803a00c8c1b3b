import { NIL_UUID } from '../../../src/kernel/ids/uuid.js'
import { makeUser } from '../../guards/examples.js'
import { startWithHeldReplica } from '../../helpers/held-replica.js'
import { linkMail } from '../../helpers/link-mails.js'
import { acceptMembership } from '../../helpers/members.js'
import { type Answer, ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, PASSWORD } from '../../helpers/world.js'

const NEW = 'copper-violin-harbour-93'
/** As many logins at once as one gateway hashes and lets wait. */
const LOGINS = 18

const { gateway, replica, hold } = await startWithHeldReplica(t)
const world = await buildWorld(gateway)
const operator = await world.bearer('operator')

interface User {
  readonly id: string
  readonly email: string
}
const bearer = (access: string) => ({ authorization: `Bearer ${access}` })
const login = (on: { url: string }, { email }: User) =>
  ask(on, '/v1/auth/login', { body: { email, password: PASSWORD } })
const me = async (access: string) => (await ask(gateway, '/v1/me', { headers: bearer(access) })).status
const byOperator = async (path: string, body?: object) => {
  const answer = await ask(gateway, `/v1/platform/${path}`, { method: 'POST', headers: operator, body })
  if (answer.status >= 300) throw new Error(answer.text)
  return answer.body
}
const linkOf = async ({ id }: User) => {
  const mail = linkMail()
  await world.platform.write('user.password_reset_sent', (store) => store.password_resets.issue(id, mail))
  return mail.token()
}
const put = async (path: string, body: object, headers = {}) => {
  const { status, text } = await ask(gateway, path, { method: 'PUT', headers, body })
  if (status !== 204) throw new Error(text)
}

/** The sessions from which a user changed the password. They stay active. */
const kept = new Map<string, string>()

/** What ends all sessions of a user. Each function prepares the change before the logins, and returns it. */
const ENDERS: Record<string, (user: User) => Promise<() => Promise<unknown>>> = {
  async 'a password change'(user) {
    const { access } = (await login(gateway, user)).body
    const [session] = await gateway.sql(`select id from sessions where user_id = '${user.id}'`)
    kept.set(user.id, String(session?.id))
    return () => put('/v1/me/password', { current_password: PASSWORD, new_password: NEW }, bearer(access))
  },
  async 'a password reset'(user) {
    const token = await linkOf(user)
    return () => put(`/v1/auth/password-resets/${token}`, { password: NEW })
  },
  async 'disabling the user'({ id }) {
    return () => byOperator(`users/${id}/disable`)
  },
  async 'disabling the user, who is enabled again at once'({ id }) {
    return async () => {
      await byOperator(`users/${id}/disable`)
      await byOperator(`users/${id}/enable`)
    }
  },
  async 'a lockdown of a tenant of the user'({ id }) {
    const tenant = await byOperator('tenants', { name: 'Locked', owner_id: id })
    await acceptMembership(gateway, tenant.id, id)
    return () => byOperator(`tenants/${tenant.id}/lockdown`)
  },
}

/** Sends logins and waits until the gateway has verified all of them and is about to start their sessions. */
async function verifiedLogins(user: User) {
  const { answers, release } = await hold(LOGINS, () => login(replica, user))
  return { logins: answers, release }
}

/** The statuses of the logins, and the number of sessions that they left. */
async function outcomeOf(logins: Promise<Answer>[]) {
  const answers = await Promise.all(logins)
  const granted = answers.filter(({ status }) => status === 200)
  const statuses = await Promise.all(granted.map(({ body }) => me(body.access)))
  return {
    statuses: answers.map(({ status }) => status),
    active: statuses.filter((status) => status === 200).length,
  }
}

for (const [name, prepare] of Object.entries(ENDERS)) {
  // Attack: the client sends logins with the old password. They wait in the full queue of hashes of another replica.
  t.test(
    `401 of ${LOGINS} logins that the gateway verified before ${name}, none starts a session after it`,
    async (t) => {
      const user = await makeUser(gateway, world)
      const end = await prepare(user)
      const { logins, release } = await verifiedLogins(user)
      await end()
      release()
      t.strictSame((await outcomeOf(logins)).statuses, Array(LOGINS).fill(401))
    },
  )

  // Attack: the client times the logins so that their sessions start while the change is committed.
  t.test(`200 401 of ${LOGINS} logins that start their session during ${name}, none stays signed in`, async (t) => {
    const user = await makeUser(gateway, world)
    const end = await prepare(user)
    const { logins, release } = await verifiedLogins(user)
    const ending = end()
    release()
    await ending
    const { statuses, active } = await outcomeOf(logins)
    if (name === 'disabling the user') await byOperator(`users/${user.id}/enable`)
    t.equal(active, 0, JSON.stringify(statuses))
    const left = await gateway.sql(
      `select id from sessions where user_id = '${user.id}' and ended_at is null
       and id <> '${kept.get(user.id) ?? NIL_UUID}'`,
    )
    t.strictSame(left, [], 'also after the user is enabled again')
  })
}

// Attack: the client starts to change the password with the old one, and finishes after its owner reset the password.
t.test('401 a password change that began before a reset does not replace the new password', async (t) => {
  const user = await makeUser(gateway, world)
  const token = await linkOf(user)
  const { body } = await login(gateway, user)
  const [session] = await gateway.sql(`select id from sessions where user_id = '${user.id}'`)
  const read = await world.platform.read((store) => store.logins.find(user.email, '127.0.0.1'))
  if (read === undefined) throw new Error('the user does not exist')
  await put(`/v1/auth/password-resets/${token}`, { password: NEW })
  await t.rejects(
    world.platform.write('user.password_changed', (store) =>
      store.password.change(read, read.password_hash, String(session?.id)),
    ),
    { code: 'invalid_credentials' },
  )
  t.equal(await me(body.access), 401)
  t.equal((await login(gateway, user)).status, 401, 'the old password')
})
