import fc from 'fast-check'
import { configure } from '../../../src/kernel/config/config.js'
import { readEnvironment } from '../../../src/kernel/config/env.js'
import { BUDGETS, readBudgets } from '../../../src/kernel/limits/budgets.js'
import { budgetOf, expectProblem } from '../../app/pipeline/expect-problem.js'
import { startGateway } from '../../helpers/gateway.js'
import { type Answer, ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'

const gateway = await startGateway({
  env: { BUDGET_ADDRESS: '500/60', BUDGET_TENANT: '20/30', BUDGET_KEY: '12/10', TRUST_PROXY: '127.0.0.1' },
})
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme } = world
const integration = keyHeaders({ id: acme.id, key: acme.integration_key })

t.test('each budget has the documented default and a reason, and a variable can set it', (t) => {
  const sizes = Object.values(BUDGETS).map(({ variable, quota, window_seconds }) => [
    variable,
    `${quota}/${window_seconds}`,
  ])
  t.match(Object.fromEntries(sizes), {
    BUDGET_ADDRESS: '6000/60',
    BUDGET_REFUSED: '120/60',
    BUDGET_LOGIN_ADDRESS: '10/60',
    BUDGET_LOGIN_ACCOUNT: '10/3600',
    BUDGET_TENANT: '1000/60',
    BUDGET_KEY: '0/60',
    BUDGET_USER: '120/60',
    BUDGET_REFRESH: '10/60',
    BUDGET_OPERATOR: '100/60',
    BUDGET_INVITATIONS: '100/3600',
    BUDGET_MAILBOX: '5/1800',
    BUDGET_MESSAGES_BURST: '5/1',
    BUDGET_MESSAGES: '60/60',
    BUDGET_TYPING: '2/1',
  })
  const { connections } = configure(readEnvironment({ NODE_ENV: 'test' }))
  t.match(connections, { user: 50, tenant: 1_000 })
  for (const budget of Object.values(BUDGETS)) t.ok(budget.reason.length > 20 && budget.key.length > 5)
  const number = fc.integer({ min: 1, max: 86_400 })
  const names = Object.keys(BUDGETS) as (keyof typeof BUDGETS)[]
  fc.assert(
    fc.property(fc.constantFrom(...names), number, number, (name, quota, window_seconds) => {
      const budgets = readBudgets({ [BUDGETS[name].variable]: `${quota}/${window_seconds}` })
      const others = names.filter((other) => other !== name)
      return (
        budgets[name].quota === quota &&
        budgets[name].window_seconds === window_seconds &&
        others.every((other) => budgets[other].quota === BUDGETS[other].quota)
      )
    }),
  )
  t.end()
})

/** The format of draft-ietf-httpapi-ratelimit-headers: lists of named items with parameters. */
const POLICY = /^"[a-z_]+";q=\d+;w=\d+(, "[a-z_]+";q=\d+;w=\d+)*$/
const STATE = /^"[a-z_]+";r=\d+;t=\d+(, "[a-z_]+";r=\d+;t=\d+)*$/
const namesOf = (header: string | null) => [...(header ?? '').matchAll(/"([a-z_]+)"/g)].map(([, name]) => name)

t.test('every limited response names its budgets in the headers of the draft, and has no older headers', async (t) => {
  const check = (answer: Answer, names: string[]) => {
    t.match(answer.headers.get('ratelimit-policy'), POLICY)
    t.match(answer.headers.get('ratelimit'), STATE)
    t.same(namesOf(answer.headers.get('ratelimit-policy')), names)
    t.same(namesOf(answer.headers.get('ratelimit')), names)
    for (const old of ['x-ratelimit-limit', 'x-ratelimit-remaining', 'ratelimit-limit', 'ratelimit-reset'])
      t.notOk(answer.headers.has(old), old)
  }
  check(await ask(gateway, '/v1/customers', { headers: integration }), ['address', 'key', 'tenant'])
  check(await ask(gateway, '/v1/customers', { headers: keyHeaders(acme) }), ['address', 'key', 'tenant'])
  check(await ask(gateway, '/openapi.json'), ['address'])
  check(await ask(gateway, '/nowhere'), ['address'])
  check(await ask(gateway, '/v1/platform/users', { headers: await world.bearer('operator') }), ['address', 'operator'])
  const login = await ask(gateway, '/v1/auth/login', { body: { email: 'a@example.com', password: 'x' } })
  check(login, ['address', 'login_address'])
})

t.test('the remaining quota falls by one for each request, and the reset time falls with the clock', async (t) => {
  gateway.clock.advance(60_000)
  const at = async (wait_ms: number) => {
    gateway.clock.advance(wait_ms)
    const answer = await ask(gateway, '/v1/customers', { headers: integration })
    return { ...budgetOf(answer, 'key'), status: answer.status }
  }
  t.match(await at(0), { quota: 12, window: 10, left: 11, reset: 10, status: 200 })
  t.match(await at(0), { left: 10 })
  const later = await at(6_000)
  t.equal(later.left, 9)
  t.ok(later.reset >= 2 && later.reset <= 4, `about 4 s until the reset: ${later.reset}`)
  t.match(await at(4_000), { left: 11, reset: 10 }, 'a new window')
})

t.test('200 GET /v1/access returns the remaining quota of each budget, and counts as one request', async (t) => {
  gateway.clock.advance(60_000)
  const access = async () => (await ask(gateway, '/v1/access', { headers: integration })).body.budgets
  const first = await access()
  t.match(first, [
    { name: 'address', quota: 500, window_seconds: 60, remaining: 499 },
    { name: 'key', quota: 12, window_seconds: 10, remaining: 11 },
    { name: 'tenant', quota: 20, window_seconds: 30, remaining: 19 },
  ])
  const second = await access()
  t.same(
    second.map((each: { remaining: number }) => each.remaining),
    [498, 10, 18],
  )
  const { headers } = await ask(gateway, '/v1/access', { headers: integration })
  t.match(headers.get('ratelimit'), /"address";r=497;.*"key";r=9;.*"tenant";r=17;/, 'the same numbers in the headers')
})

t.test('429 Retry-After is not before the end of the window, and a request after it succeeds', async (t) => {
  gateway.clock.advance(60_000)
  let answer = await ask(gateway, '/v1/customers', { headers: integration })
  for (let count = 0; answer.status !== 429 && count < 30; count += 1) {
    answer = await ask(gateway, '/v1/customers', { headers: integration })
  }
  expectProblem(t, answer, 429, 'rate_limited')
  const retry_after = Number(answer.headers.get('retry-after'))
  t.ok(retry_after >= budgetOf(answer, 'key').reset && retry_after <= 10, String(retry_after))
  gateway.clock.advance(retry_after * 1000)
  t.equal((await ask(gateway, '/v1/customers', { headers: integration })).status, 200)
})

// Attack: the client sends many requests at once, so that they pass between the reading and the writing of the counter.
t.test('of 100 concurrent requests exactly the quota passes', async (t) => {
  gateway.clock.stop()
  gateway.clock.advance(60_000)
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => ask(gateway, '/v1/access', { headers: integration })),
  )
  const statuses = answers.map(({ status }) => status)
  t.equal(statuses.filter((status) => status === 200).length, 12)
  t.equal(statuses.filter((status) => status === 429).length, 88)
})
