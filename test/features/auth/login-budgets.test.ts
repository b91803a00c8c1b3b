import type { Test } from 'tap'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'

const WRONG = 'quartz-lantern-meadow-48'
const HOME = '203.0.113.7'
const ATTACKER = '198.51.100.66'

// Each gateway has its own counters. The known addresses of a user are in the shared database.
const base = await startGateway()
t.teardown(() => base.close())
await buildWorld(base)

async function start(t: Test, env: Record<string, string>) {
  const gateway = await startGateway({ env: { TRUST_PROXY: '127.0.0.1', ...env }, on: base.test_database })
  t.teardown(() => gateway.close())
  const login = (email: string, password: string, from = ATTACKER) =>
    ask(gateway, '/v1/auth/login', { headers: { 'x-forwarded-for': from }, body: { email, password } })
  return { gateway, login }
}

// Attack: credential stuffing. One client address tries many users with one password each, so no budget of a user
// applies.
t.test('429 a client address has a budget of logins, successful or not, for all users together', async (t) => {
  const { gateway, login } = await start(t, { BUDGET_LOGIN_ADDRESS: '4/60' })
  const statuses: number[] = []
  for (const email of ['a@x.example', 'b@x.example', emailOf('lead'), 'c@x.example', emailOf('owner')]) {
    statuses.push((await login(email, PASSWORD)).status)
  }
  t.strictSame(statuses, [401, 401, 200, 401, 429])
  const limited = await login(emailOf('owner'), PASSWORD)
  t.match(limited.body, { code: 'rate_limited', violated_policies: ['login_address'] })
  t.match(limited.headers.get('ratelimit-policy'), /"login_address";q=4;w=60/)
  const wait_seconds = Number(limited.headers.get('retry-after'))
  t.ok(wait_seconds >= 1 && wait_seconds <= 60)

  // A client cannot write a header that makes it another client address.
  for (const spelling of [`1.2.3.4, ${ATTACKER}`, `::ffff:${ATTACKER}`]) {
    t.equal((await login(emailOf('owner'), PASSWORD, spelling)).status, 429, spelling)
  }
  t.equal((await login(emailOf('owner'), PASSWORD, HOME)).status, 200, 'another client address')
  gateway.clock.advance(wait_seconds * 1000)
  t.equal((await login(emailOf('owner'), PASSWORD)).status, 200, 'after Retry-After')
})

// Attack: guesses from many addresses of one IPv6 /64, which a single host can use.
t.test('429 all addresses of one IPv6 /64 share a budget', async (t) => {
  const { login } = await start(t, { BUDGET_LOGIN_ADDRESS: '2/60' })
  const statuses: number[] = []
  for (const from of ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:2:3:4:5:6', '2001:db8:1:3::1']) {
    statuses.push((await login('a@x.example', WRONG, from)).status)
  }
  t.strictSame(statuses, [401, 401, 429, 401])
})

// Attack: guesses the password of one user from many addresses. Each failure beyond the budget doubles the wait.
for (const [kind, email] of [
  ['a known user', emailOf('admin')],
  ['an unknown user', 'nobody@people.example'],
] as const) {
  t.test(`429 each failed login of ${kind} beyond the budget doubles the pause, and the pauses expire`, async (t) => {
    const { gateway, login } = await start(t, { BUDGET_LOGIN_ACCOUNT: '3/3600' })
    let hosts = 0
    const guess = (typed = email) => login(typed, WRONG, `198.51.100.${++hosts}`)
    t.strictSame([(await guess()).status, (await guess()).status, (await guess()).status], [401, 401, 401])
    const pauses: number[] = []
    for (let failures = 0; failures < 12; failures += 1) {
      const limited = await guess()
      t.match(limited, { status: 429, body: { violated_policies: ['login_account'] } })
      const retry_after = Number(limited.headers.get('retry-after'))
      pauses.push(retry_after)
      gateway.clock.advance(retry_after * 1000)
      t.equal((await guess()).status, 401, 'one guess after the pause')
    }
    const doubling = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    // Up to one second can pass between a failure and the reading of its pause.
    const differences = doubling.map((expected, position) => expected - (pauses[position] as number))
    t.ok(
      differences.every((each) => each === 0 || each === 1),
      pauses.join(' '),
    )
    t.equal((await guess(` ${email.toUpperCase()} `)).status, 429, 'another spelling is the same user')
    t.equal((await login(emailOf('owner'), PASSWORD)).status, 200, 'another user')
    gateway.clock.advance(3_600_000)
    t.equal((await guess()).status, 401, 'all failures have expired after an hour')
    t.equal((await guess()).status, 401)
  })
}

// Attack: fails on purpose to lock a user out.
t.test('200 a user can log in from a known address while an attacker fails from another', async (t) => {
  const { login } = await start(t, { BUDGET_LOGIN_ACCOUNT: '3/3600' })
  const email = emailOf('agent')
  t.equal((await login(email, PASSWORD, HOME)).status, 200)
  for (let tries = 0; tries < 6; tries += 1) await login(email, WRONG, ATTACKER)
  t.equal((await login(email, PASSWORD, ATTACKER)).status, 429, 'the attacker waits, even with the right password')
  t.equal((await login(email, PASSWORD, HOME)).status, 200, 'the user does not wait')

  for (let tries = 0; tries < 6; tries += 1) await login(email, WRONG, HOME)
  t.equal((await login(email, PASSWORD, HOME)).status, 429, 'guesses from the known address are limited too')
})

// Attack: keeps a user locked out by failing for ever from many networks.
t.test('200 during a pause, a login from a new network gets one try', async (t) => {
  const { gateway, login } = await start(t, { BUDGET_LOGIN_ACCOUNT: '3/3600', BUDGET_LOGIN_NEW_PLACE: '2/3600' })
  const email = emailOf('lead')
  const elsewhere = '198.18.0.1'
  for (let tries = 0; tries < 12; tries += 1) {
    await login(email, WRONG, elsewhere)
    // Waits for the pause to end, so that the next failure counts and doubles it.
    if (tries < 11) gateway.clock.advance(2 ** tries * 1000)
  }
  t.equal((await login(email, PASSWORD, elsewhere)).status, 429, 'the pause of the user')
  t.equal((await login(email, PASSWORD, '192.0.2.10')).status, 200, 'a new network with the right password')
  t.equal((await login(email, WRONG, '203.0.113.11')).status, 401, 'a new network with a wrong password')
  t.equal((await login(email, PASSWORD, '203.0.113.12')).status, 429, 'that network has used its one try')
  t.equal((await login(email, WRONG, '10.1.0.1')).status, 401, 'another network')
  t.equal((await login(email, PASSWORD, '10.2.0.1')).status, 429, 'all new networks share one budget')
})

t.test('a successful login does not reset the failures of an attacker', async (t) => {
  const { gateway, login } = await start(t, { BUDGET_LOGIN_ACCOUNT: '3/3600' })
  const email = emailOf('analyst')
  await login(email, WRONG)
  await login(email, WRONG)
  t.equal((await login(email, PASSWORD, HOME)).status, 200)
  t.equal((await login(email, WRONG)).status, 401)
  t.equal((await login(email, WRONG)).status, 429)
  gateway.clock.advance(3_600_000)
  t.equal((await login(email, PASSWORD)).status, 200)
})

// An operator can end a lockout of a user who calls support. It must not allow an attacker more guesses than a new
// budget.
t.test(
  '204 an operator ends the pause of a user on every replica, and the count of failures starts again',
  async (t) => {
    const env = { BUDGET_LOGIN_ACCOUNT: '3/3600' }
    const replicas = [await start(t, env), await start(t, env)]
    const email = emailOf('owner')
    const [user] = await base.sql(`select id from users where email = '${email}'`)
    const statuses = async (password: string) => {
      const answers = []
      for (const { login } of replicas) answers.push((await login(email, password)).status)
      return answers
    }
    for (let tries = 0; tries < 4; tries += 1) await statuses(WRONG)
    t.same(await statuses(PASSWORD), [429, 429], 'both replicas refuse even the right password')
    const [{ gateway, login }] = replicas as [(typeof replicas)[number]]
    const unlock = async (by: string) => {
      const { access } = (await login(emailOf(by as 'operator'), PASSWORD, HOME)).body
      const path = `/v1/platform/users/${user?.id}/unlock`
      return ask(gateway, path, { method: 'POST', headers: { authorization: `Bearer ${access}` } })
    }
    t.equal((await unlock('owner')).status, 403, 'an Owner cannot unlock')
    t.equal((await unlock('operator')).status, 204)
    t.same(await statuses(PASSWORD), [200, 200], 'from the address that had to wait')
    for (let tries = 0; tries < 3; tries += 1) t.same(await statuses(WRONG), [401, 401], 'the count starts again')
    t.same(await statuses(WRONG), [429, 429], 'the pause applies again')
    const events = await base.sql(`select actor_kind from audit_events where action = 'user.unlocked'`)
    t.same(events, [{ actor_kind: 'operator' }])
    const nobody = '/v1/platform/users/00000000-0000-4000-8000-000000000000/unlock'
    const { access } = (await login(emailOf('operator'), PASSWORD, HOME)).body
    t.equal(
      (await ask(gateway, nobody, { method: 'POST', headers: { authorization: `Bearer ${access}` } })).status,
      404,
    )
  },
)
