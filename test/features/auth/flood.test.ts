import autocannon from 'autocannon'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'

/** More requests at once than two cores hash and the queue holds. */
const CONNECTIONS = 100
const LOGINS = 2_000
/** Far above any real response time, so only a login without a response reaches it. */
const TIMEOUT_SECONDS = 600
/** Two concurrent hashes take 38 MiB. The rest is for the load generator, which runs in this process. */
const RSS_GROWTH_MAX = 160 * 1024 * 1024

const gateway = await startGateway({ env: { LOG_LEVEL: 'warn' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
await world.createCustomer()

const login = () => ask(gateway, '/v1/auth/login', { body: { email: emailOf('agent'), password: PASSWORD } })

/** Sends requests that the flood must not disturb, until it ends: liveness, customers of a tenant, a profile. */
async function everybodyElse(flood: Promise<unknown>): Promise<number[]> {
  const headers = await world.as('agent')
  let is_over = false
  void flood.finally(() => {
    is_over = true
  })
  const statuses: number[] = []
  const visit = async (path: string) => {
    while (!is_over) statuses.push((await ask(gateway, path, { headers })).status)
  }
  await Promise.all(['/livez', '/v1/customers', '/v1/me'].map(visit))
  return statuses
}

/** Floods with valid and invalid logins of known and unknown users. */
async function flood(amount: number) {
  const body = (email: string, password: string) => JSON.stringify({ email, password })
  const kinds = [
    body(emailOf('agent'), PASSWORD),
    body(emailOf('agent'), 'quartz-lantern-meadow-48'),
    body('nobody@people.example', PASSWORD),
    body('nobody@people.example', 'x'.repeat(512)),
  ]
  const headers = { 'content-type': 'application/json' }
  const requests = kinds.map((each) => ({ method: 'POST' as const, path: '/v1/auth/login', headers, body: each }))
  const retry_after: unknown[] = []
  const instance = autocannon({
    url: gateway.url,
    connections: CONNECTIONS,
    amount,
    timeout: TIMEOUT_SECONDS,
    requests: requests.map((request) => ({
      ...request,
      onResponse: (status: number, _body: string, _context: object, headers: Record<string, string>) => {
        if (status === 503 || status === 429) retry_after.push(headers['retry-after'] ?? headers['Retry-After'])
      },
    })),
  } as autocannon.Options)
  const { statusCodeStats = {}, errors, timeouts } = await instance
  const counts = Object.fromEntries(
    Object.entries(statusCodeStats).map(([status, { count }]) => [status, Number(count)]),
  )
  return { counts, errors, timeouts, retry_after }
}

// Attack: floods the login so that password hashing takes the CPU from all other requests (CVE-2014-9016, ASVS 15.2.2).
// The test asserts counts only, because times depend on the machine.
t.test('a flood of logins: other requests succeed, excess logins get Retry-After, and memory stays flat', async (t) => {
  await world.token('agent')
  await flood(LOGINS / 10)
  global.gc?.()
  const rss_before = process.memoryUsage().rss

  const flooding = flood(LOGINS)
  const others = await everybodyElse(flooding)
  const { counts, errors, timeouts, retry_after } = await flooding
  const rss_growth = process.memoryUsage().rss - rss_before
  t.comment(JSON.stringify({ counts, others: others.length, rss_growth_mib: Math.round(rss_growth / 1024 / 1024) }))

  t.ok(others.length >= 3, `${others.length} other requests`)
  t.same(new Set(others), new Set([200]), 'every other request succeeded')
  t.strictSame([errors, timeouts], [0, 0], 'every login got a response')
  t.strictSame(
    Object.keys(counts).filter((status) => !['200', '401', '429', '503'].includes(status)),
    [],
  )
  t.ok((counts[200] ?? 0) > 0 && (counts[401] ?? 0) > 0, 'the gateway decided some logins')
  t.ok((counts[503] ?? 0) + (counts[429] ?? 0) > 0, 'the gateway refused the excess')
  t.ok(retry_after.length > 0 && retry_after.every((each) => Number(each) >= 1), 'each refusal has Retry-After')
  t.ok(rss_growth < RSS_GROWTH_MAX, 'growth of memory')
  t.equal((await login()).status, 200, 'a login after the flood')
})

t.test('503 a login beyond two running hashes and a short queue is refused at once', async (t) => {
  const answers = await Promise.all(Array.from({ length: 100 }, login))
  const refused = answers.filter(({ status }) => status === 503)
  t.ok(refused.length > 0 && refused.length < 100)
  t.ok(answers.every(({ status }) => status === 200 || status === 503))
  for (const { body, headers } of refused) {
    t.match(body, { code: 'service_unavailable' })
    t.match(headers.get('retry-after'), /^[1-9]\d*$/)
  }
})
