import { expectProblem } from '../../app/pipeline/expect-problem.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, login } from '../../helpers/world.js'

const QUOTA = 4
const gateway = await startGateway({ env: { BUDGET_REFUSED: `${QUOTA}/60`, TRUST_PROXY: '127.0.0.1' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex } = world
const integration = keyHeaders({ id: acme.id, key: acme.integration_key })

/** Returns a function that sends requests from this address. */
const caller =
  (address: string) =>
  (path: string, headers: Record<string, string> = {}, body?: unknown) =>
    ask(gateway, path, { headers: { 'x-forwarded-for': address, ...headers }, body })

const { access: ended } = await login(gateway, 'agent')
await ask(gateway, '/v1/auth/logout', { method: 'POST', headers: { authorization: `Bearer ${ended}` } })
const GUESSES: Record<string, (call: ReturnType<typeof caller>) => Promise<{ status: number }>> = {
  'a key that does not exist': (call) =>
    call('/v1/customers', keyHeaders({ id: acme.id, key: `${acme.key.slice(0, -1)}!` })),
  'a key of another tenant': (call) => call('/v1/customers', keyHeaders({ id: acme.id, key: globex.key })),
  'a tenant that does not exist': (call) => call('/v1/customers', keyHeaders({ ...acme, id: world.ids.owner })),
  'a forged token': (call) => call('/v1/me', { authorization: 'Bearer a.b.c' }),
  'a forged token with a valid key': (call) => call('/v1/customers', { ...integration, authorization: 'Bearer a.b.c' }),
  'a refresh token that does not exist': (call) => call('/v1/auth/refresh', {}, { refresh: 'ghr_guess' }),
}

// Attack: a client guesses keys, tokens and refresh tokens, as fast as the large budget of its address allows.
// Attack: a client sends wrong credentials so that other clients with its address are refused.
t.test('429 after a few wrong credentials of any kind, and valid credentials of the address are served', async (t) => {
  for (const [position, [name, guess]] of Object.entries(GUESSES).entries()) {
    const call = caller(`203.0.113.${position}`)
    // Several addresses send the key of this guess, so its budget is used up across them.
    gateway.clock.advance(60_000)
    for (let count = 0; count < QUOTA; count += 1) t.equal((await guess(call)).status, 401, `${name}, ${count}`)
    const answer = (await guess(call)) as Awaited<ReturnType<typeof call>>
    expectProblem(t, answer, 429, 'rate_limited', name)
    t.same(answer.body.violated_policies, ['refused'])
    t.match(answer.headers.get('ratelimit-policy'), `"refused";q=${QUOTA};w=60`)
    t.match(answer.headers.get('ratelimit'), /"refused";r=0;t=(60|5\d)/)
    t.match(answer.headers.get('retry-after'), /^(60|5\d)$/)
    for (const [path, headers] of [
      ['/v1/customers', integration],
      ['/v1/me', await world.bearer('agent')],
      ['/livez', {}],
      ['/docs', {}],
    ] as const) {
      t.equal((await call(path, headers)).status, 200, `${name}: ${path}`)
    }
  }
})

// Attack: an end user sends wrong access tokens through the server of a tenant.
t.test(
  '429 a wrong access token with a valid key counts against the key, from any address, and not against others',
  async (t) => {
    gateway.clock.advance(60_000)
    const wrong = { ...integration, authorization: 'Bearer a.b.c' }
    for (let count = 0; count < QUOTA; count += 1) {
      t.equal((await caller(`198.51.100.${50 + count}`)('/v1/customers', wrong)).status, 401)
    }
    t.equal((await caller('198.51.100.60')('/v1/customers', wrong)).status, 429)
    t.equal((await caller('198.51.100.50')('/v1/me', { authorization: 'Bearer a.b.c' })).status, 401)
  },
)

t.test('200 other refusals do not count against the budget of wrong credentials', async (t) => {
  const call = caller('198.51.100.1')
  const analyst = await world.bearer('analyst')
  for (let count = 0; count < QUOTA + 2; count += 1) {
    t.equal((await call('/v1/customers', integration)).status, 200)
    t.equal((await call('/v1/customers')).body.code, 'tenant_credentials_required')
    t.equal((await call('/v1/me')).body.code, 'authentication_required')
    t.equal((await call('/v1/customers', keyHeaders(acme))).body.code, 'insufficient_scope')
    t.equal((await call('/v1/platform/users', analyst)).body.code, 'platform_access_denied')
    t.equal((await call('/v1/customers', { ...integration, origin: 'https://evil.example' })).status, 403)
    t.equal((await call('/nowhere')).status, 404)
    // A token that was valid before is no guess. A server with many users often sends tokens of sessions that have ended.
    t.equal((await call('/v1/me', { authorization: `Bearer ${ended}` })).body.code, 'invalid_token')
  }
})

t.test('401 for another address, and for the same address after the window has ended', async (t) => {
  const [guesser, other] = [caller('198.51.100.2'), caller('198.51.100.3')]
  const guess = GUESSES['a key of another tenant'] as (call: typeof guesser) => Promise<{ status: number }>
  for (let count = 0; count <= QUOTA; count += 1) await guess(guesser)
  t.equal((await guess(guesser)).status, 429)
  t.equal((await guess(other)).status, 401)
  gateway.clock.advance(60_000)
  t.equal((await guess(guesser)).status, 401)
})

// Attack: a client sends each guess from another IPv6 address of its network.
t.test('429 guesses from many addresses of one IPv6 /64 count together', async (t) => {
  const guess = GUESSES['a forged token'] as (call: ReturnType<typeof caller>) => Promise<{ status: number }>
  for (let count = 0; count < QUOTA; count += 1) t.equal((await guess(caller(`2001:db8:7:7::${count}`))).status, 401)
  t.equal((await guess(caller('2001:db8:7:7:ffff::1'))).status, 429)
  t.equal((await guess(caller('2001:db8:7:8::1'))).status, 401)
})
