import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'
import { readMails } from '../../kernel/mail/read-mails.js'

const NEW = 'copper-violin-harbour-93'
const DATA_DIR = t.testdir()
const gateway = await startGateway({ env: { DATA_DIR, TRUST_PROXY: '127.0.0.1' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)

const login = (email: string, password: string, agent = 'test/1') =>
  ask(gateway, '/v1/auth/login', { headers: { 'user-agent': agent }, body: { email, password } })
const signedIn = async (email: string, password = PASSWORD, agent?: string) => {
  const { body } = await login(email, password, agent)
  return { headers: { authorization: `Bearer ${body.access}` }, refresh: body.refresh as string }
}
type Headers = Record<string, string>
const me = async (headers: Headers) => (await ask(gateway, '/v1/me', { headers })).status
const change = (headers: Headers, current_password: unknown, new_password: unknown, at: { url: string } = gateway) =>
  ask(at, '/v1/me/password', { method: 'PUT', headers, body: { current_password, new_password } })
const sessions = async (headers: Headers) => (await ask(gateway, '/v1/me/sessions', { headers })).body.data
const end = (headers: Headers, id: string) => ask(gateway, `/v1/me/sessions/${id}`, { method: 'DELETE', headers })

t.test('204 a new password revokes the other sessions and the reset links, and keeps this session', async (t) => {
  const { email } = await makeUser(gateway, world)
  const [mine, other] = [await signedIn(email), await signedIn(email)]
  t.equal((await ask(gateway, '/v1/auth/password-resets', { body: { email } })).status, 202)
  const [mail] = await readMails(DATA_DIR, 1)
  t.equal((await change(mine.headers, PASSWORD, NEW)).status, 204)
  t.equal(await me(mine.headers), 200)
  t.equal(await me(other.headers), 401)
  t.equal((await ask(gateway, '/v1/auth/refresh', { body: { refresh: other.refresh } })).status, 401)
  t.equal((await ask(gateway, '/v1/auth/refresh', { body: { refresh: mine.refresh } })).status, 200)
  t.strictSame([(await login(email, PASSWORD)).status, (await login(email, NEW)).status], [401, 200])
  const path = `/v1/auth/password-resets/${mail?.token}`
  t.equal((await ask(gateway, path, { method: 'PUT', body: { password: PASSWORD } })).status, 404)
})

// Attack: uses an unlocked screen or a stolen access token to change the password.
t.test('401 without the current password nothing changes, and no session is revoked', async (t) => {
  const { email } = await makeUser(gateway, world)
  const [mine, other] = [await signedIn(email), await signedIn(email)]
  for (const wrong of [NEW, `${PASSWORD} `, PASSWORD.toUpperCase(), 'x']) {
    t.match(await change(mine.headers, wrong, NEW), { status: 401, body: { code: 'invalid_credentials' } }, wrong)
  }
  for (const [current, wished, pointer] of [
    [PASSWORD, 'short', '/new_password'],
    [PASSWORD, 'passwordpassword', '/new_password'],
    [PASSWORD, email, '/new_password'],
    [PASSWORD, 7, '/new_password'],
    ['', NEW, '/current_password'],
  ] as const) {
    const answer = await change(mine.headers, current, wished)
    t.match(answer, { status: 400, body: { errors: [{ pointer }] } }, String(wished))
    t.notOk(answer.text.includes(PASSWORD))
  }
  const extra = { current_password: PASSWORD, new_password: NEW, user_id: world.ids.owner }
  const answer = await ask(gateway, '/v1/me/password', { method: 'PUT', headers: mine.headers, body: extra })
  t.match(answer, { status: 400, body: { errors: [{ pointer: '/user_id' }] } })
  t.equal((await change({}, PASSWORD, NEW)).status, 401)
  t.strictSame([await me(mine.headers), await me(other.headers)], [200, 200])
  t.strictSame([(await login(email, PASSWORD)).status, (await login(email, NEW)).status], [200, 401])
})

// Attack: guesses the current password with a stolen session. The login budgets apply here too.
t.test('429 guesses of the current password count in the login budgets of user and client address', async (t) => {
  const { email } = await makeUser(gateway, world)
  const guess = async (env: Record<string, string>, policy: string) => {
    const tight = await startGateway({ on: gateway.test_database, env })
    t.teardown(() => tight.close())
    const { body } = await ask(tight, '/v1/auth/login', { body: { email, password: PASSWORD } })
    const headers = { authorization: `Bearer ${body.access}` }
    const statuses: number[] = []
    for (let tries = 0; tries < 4; tries += 1) statuses.push((await change(headers, 'x'.repeat(20), NEW, tight)).status)
    t.strictSame(statuses, [401, 401, 401, 429], policy)
    const limited = await change(headers, PASSWORD, NEW, tight)
    t.match(limited, { status: 429, body: { violated_policies: [policy] } }, 'even with the right password')
    t.ok(Number(limited.headers.get('retry-after')) >= 1)
  }
  await guess({ BUDGET_LOGIN_ACCOUNT: '3/3600' }, 'login_account')
  await guess({ BUDGET_LOGIN_ADDRESS: '4/60' }, 'login_address')
  t.equal((await login(email, PASSWORD)).status, 200, 'the password is unchanged')
})

t.test('200 204 a user lists their sessions, and revokes one of them at once', async (t) => {
  const { email } = await makeUser(gateway, world)
  const [mine, other] = [await signedIn(email, PASSWORD, 'phone/1'), await signedIn(email, PASSWORD, 'desk/2')]
  const listed = await sessions(mine.headers)
  t.equal(listed.length, 2)
  t.strictSame(Object.keys(listed[0]).sort(), ['address', 'created_at', 'expires_at', 'id', 'is_current', 'user_agent'])
  t.match(listed, [
    { user_agent: 'desk/2', is_current: false, address: '127.0.0.1' },
    { user_agent: 'phone/1', is_current: true },
  ])
  t.equal((await end(mine.headers, listed[0].id)).status, 204)
  t.equal(await me(other.headers), 401)
  t.equal((await ask(gateway, '/v1/auth/refresh', { body: { refresh: other.refresh } })).status, 401)
  t.equal((await end(mine.headers, listed[0].id)).status, 404, 'a revoked session')
  t.strictSame(
    (await sessions(mine.headers)).map(({ id }: { id: string }) => id),
    [listed[1].id],
  )
  t.equal((await end(mine.headers, listed[1].id)).status, 204, 'the current session')
  t.equal(await me(mine.headers), 401)
  const later = await signedIn(email)
  gateway.clock.advance(7 * 86_400_000 + 1)
  const after = await signedIn(email)
  t.equal((await sessions(after.headers)).length, 1, 'expired sessions are not listed')
  t.equal(await me(later.headers), 401)
  gateway.clock.advance(-7 * 86_400_000 - 1)
  const reasons = await gateway.sql(`select changes from audit_events where action = 'session.ended' order by seq`)
  t.match(reasons, [{ changes: { reason: 'ended_by_user' } }, { changes: { reason: 'ended_by_user' } }])
})

// Attack: revokes a session of another user, or finds out which session ids exist.
t.test('404 a session of another user gets the response of an unknown id', async (t) => {
  const [one, other] = [await makeUser(gateway, world), await makeUser(gateway, world)]
  const [mine, theirs] = [await signedIn(one.email), await signedIn(other.email)]
  const [session] = await sessions(theirs.headers)
  const bodies = new Set<string>()
  for (const id of [session.id, '00000000-0000-4000-8000-000000000000']) {
    const answer = await end(mine.headers, id)
    t.equal(answer.status, 404)
    bodies.add(answer.text.replace(answer.body.request_id, ''))
  }
  t.equal(bodies.size, 1)
  t.equal(await me(theirs.headers), 200)
  const operator = await signedIn(emailOf('operator'))
  t.equal((await end(operator.headers, session.id)).status, 404, 'also for an operator')
})

t.test('200 every active session is listed by pages, with the newest first, beyond 200', async (t) => {
  const { id, email } = await makeUser(gateway, world)
  const { headers } = await signedIn(email)
  await gateway.sql(`insert into sessions (id, user_id, created_at, expires_at)
    select gen_random_uuid(), '${id}', date_trunc('second', now()) - (number / 10) * interval '1 second', now() + interval '1 day'
    from generate_series(10, 260) as number`)
  const all: { id: string; created_at: string }[] = []
  let next = '/v1/me/sessions?limit=100'
  while (next !== '') {
    const { body } = await ask(gateway, next, { headers })
    all.push(...body.data)
    next = body.next_cursor === null ? '' : `/v1/me/sessions?limit=100&cursor=${body.next_cursor}`
  }
  t.equal(all.length, 252)
  t.equal(new Set(all.map((each) => each.id)).size, 252, 'each once')
  const sorted = all.toSorted((one, other) => (one.created_at + one.id < other.created_at + other.id ? 1 : -1))
  t.same(all, sorted)
})
