import type { Test } from 'tap'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'

const WRONG = 'quartz-lantern-meadow-48'
const HOME = '203.0.113.7'
const ATTACKER = '198.51.100.66'

// The counters are each gateway's own; what was ever logged in from where is in the database that they share.
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

// Credential stuffing: one address tries many accounts with one password each, so no account notices.
t.test('429 an address has its logins a minute, good or bad, whatever the account', async (t) => {
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

  // Nothing that the client writes makes it another client.
  for (const spelling of [`1.2.3.4, ${ATTACKER}`, `::ffff:${ATTACKER}`]) {
    t.equal((await login(emailOf('owner'), PASSWORD, spelling)).status, 429, spelling)
  }
  t.equal((await login(emailOf('owner'), PASSWORD, HOME)).status, 200, 'another address')
  gateway.clock.advance(wait_seconds * 1000)
  t.equal((await login(emailOf('owner'), PASSWORD)).status, 200, 'after Retry-After')
})

// With a /64 of its own, a host has 2^64 addresses to guess from.
t.test('429 the addresses of one IPv6 /64 are one client', async (t) => {
  const { login } = await start(t, { BUDGET_LOGIN_ADDRESS: '2/60' })
  const statuses: number[] = []
  for (const from of ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:2:3:4:5:6', '2001:db8:1:3::1']) {
    statuses.push((await login('a@x.example', WRONG, from)).status)
  }
  t.strictSame(statuses, [401, 401, 429, 401])
})

// Guessing one account from many addresses: each failure beyond the budget costs twice the wait of the one before.
for (const [kind, email] of [
  ['an account', emailOf('admin')],
  ['an account that does not exist', 'nobody@people.example'],
] as const) {
  t.test(`429 failures of ${kind} bring pauses that double, and end by themselves`, async (t) => {
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
      t.equal((await guess()).status, 401, 'one more guess, and the next pause')
    }
    const doubling = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    // A second may have passed between a failure and the look at its pause.
    const differences = doubling.map((expected, position) => expected - (pauses[position] as number))
    t.ok(
      differences.every((each) => each === 0 || each === 1),
      pauses.join(' '),
    )
    t.equal((await guess(` ${email.toUpperCase()} `)).status, 429, 'another spelling is the same account')
    t.equal((await login(emailOf('owner'), PASSWORD)).status, 200, 'another account')
    gateway.clock.advance(3_600_000)
    t.equal((await guess()).status, 401, 'the hour is over: no trace is left')
    t.equal((await guess()).status, 401)
  })
}

// An attacker who fails on purpose must not be able to keep a user out: that would be a weapon.
t.test('200 from an address that they used before a user gets in while somebody fails from elsewhere', async (t) => {
  const { login } = await start(t, { BUDGET_LOGIN_ACCOUNT: '3/3600' })
  const email = emailOf('agent')
  t.equal((await login(email, PASSWORD, HOME)).status, 200)
  for (let tries = 0; tries < 6; tries += 1) await login(email, WRONG, ATTACKER)
  t.equal((await login(email, PASSWORD, ATTACKER)).status, 429, 'the attacker waits, even with the right password')
  t.equal((await login(email, PASSWORD, HOME)).status, 200, 'the user does not')

  for (let tries = 0; tries < 6; tries += 1) await login(email, WRONG, HOME)
  t.equal((await login(email, PASSWORD, HOME)).status, 429, 'but guessing from the known address is bounded too')
})

// A lock that an attacker can hold: failing on purpose, for ever, from as many places as they have.
t.test(
  '200 from an address that was never seen the user gets in during a pause, and a guess from it gets one try',
  async (t) => {
    const { gateway, login } = await start(t, { BUDGET_LOGIN_ACCOUNT: '3/3600', BUDGET_LOGIN_NEW_PLACE: '2/3600' })
    const email = emailOf('lead')
    const elsewhere = '198.18.0.1'
    for (let tries = 0; tries < 12; tries += 1) {
      await login(email, WRONG, elsewhere)
      // Past the pause of this failure, so that the next one counts and brings a longer one.
      if (tries < 11) gateway.clock.advance(2 ** tries * 1000)
    }
    t.equal((await login(email, PASSWORD, elsewhere)).status, 429, 'the account pauses')
    t.equal((await login(email, PASSWORD, '192.0.2.10')).status, 200, 'a new place, the right password')
    t.equal((await login(email, WRONG, '203.0.113.11')).status, 401, 'a new place, a wrong one')
    t.equal((await login(email, PASSWORD, '203.0.113.12')).status, 429, 'which was the one try of that network')
    t.equal((await login(email, WRONG, '10.1.0.1')).status, 401, 'another network')
    t.equal((await login(email, PASSWORD, '10.2.0.1')).status, 429, 'and new networks have one budget together')
  },
)

t.test('a good login does not give an attacker back what was spent', async (t) => {
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

// Whoever calls the help desk gets in at once, and so does nobody else: what was guessed before stays guessed in vain.
t.test(
  '204 an operator ends the pause of an account, on every replica, and its failures are counted anew',
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
    t.same(await statuses(PASSWORD), [429, 429], 'both pause, even for the right password')
    const [{ gateway, login }] = replicas as [(typeof replicas)[number]]
    const unlock = async (by: string) => {
      const { access } = (await login(emailOf(by as 'operator'), PASSWORD, HOME)).body
      const path = `/v1/platform/users/${user?.id}/unlock`
      return ask(gateway, path, { method: 'POST', headers: { authorization: `Bearer ${access}` } })
    }
    t.equal((await unlock('owner')).status, 403, 'an Owner cannot')
    t.equal((await unlock('operator')).status, 204)
    t.same(await statuses(PASSWORD), [200, 200], 'from the very place that paused')
    for (let tries = 0; tries < 3; tries += 1) t.same(await statuses(WRONG), [401, 401], 'counted anew')
    t.same(await statuses(WRONG), [429, 429], 'and not for ever')
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
