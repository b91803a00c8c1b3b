import { startGateway } from '../../helpers/gateway.js'
import { ask, askRaw } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, login } from '../../helpers/world.js'
import { CHALLENGE, CHALLENGE_INVALID, expectProblem } from './expect-problem.js'
import { forgedTokens } from './forged-tokens.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme } = world
const integration = keyHeaders({ id: acme.id, key: acme.integration_key })

/** One route of each access that takes a bearer token. On the data plane, the key alone has the scope of the route. */
const ROUTES: Record<string, Record<string, string>> = {
  '/v1/me': {},
  [`/v1/tenants/${acme.id}`]: {},
  '/v1/platform/tenants': {},
  '/v1/customers': integration,
}

t.test('401 a missing bearer token: the challenge carries no error', async (t) => {
  for (const [path, headers] of Object.entries(ROUTES)) {
    const answer = await ask(gateway, path, { headers })
    if (path === '/v1/customers') {
      t.equal(answer.status, 200, 'this key has the scope without a user')
      continue
    }
    expectProblem(t, answer, 401, 'authentication_required', path)
    t.equal(answer.headers.get('www-authenticate'), CHALLENGE)
  }
})

// Attack: the holder of a stolen key sends a broken token, so that the gateway uses the scopes of the key alone.
t.test('401 an invalid bearer token never falls back to the key', async (t) => {
  const good = await world.token('owner')
  const forms: Record<string, string> = {
    empty: '',
    'only the scheme': 'Bearer',
    'the scheme and spaces': 'Bearer   ',
    'no scheme': good,
    'another scheme': `Basic ${Buffer.from('owner:password').toString('base64')}`,
    'scheme of a token': `Token ${good}`,
    'two tokens': `Bearer ${good} ${good}`,
    'a tab between': `Bearer\t${good}`,
    'a tenant key': `Bearer ${acme.integration_key}`,
    'a refresh token': `Bearer ${(await login(gateway, 'owner')).refresh}`,
    'a list': `Bearer ${good}, Bearer ${good}`,
  }
  for (const [path, headers] of Object.entries(ROUTES)) {
    for (const [name, authorization] of Object.entries(forms)) {
      const lines = Object.entries({ ...headers, authorization }).flat()
      const answer = await askRaw(gateway, path, { lines })
      expectProblem(t, answer, 401, 'invalid_token', `${name} on ${path}`)
      t.equal(answer.headers.get('www-authenticate'), CHALLENGE_INVALID)
    }
  }
  for (const authorization of [`Bearer ${good}`, `bearer ${good}`, `BEARER   ${good}`]) {
    t.equal((await ask(gateway, '/v1/me', { headers: { authorization } })).status, 200, 'the scheme in any case')
  }
})

// Attack: the client forges a token, or alters a valid one (RFC 8725).
t.test('401 a token that is forged, altered, or issued for another purpose', async (t) => {
  const forged = Object.entries(await forgedTokens(gateway, await world.token('owner')))
  const [[check, valid], ...others] = forged as [[string, string], ...[string, string][]]
  const answer = await ask(gateway, '/v1/me', { headers: { authorization: `Bearer ${valid}` } })
  t.equal(answer.status, 200, check)
  t.ok(others.length > 25)
  for (const [name, token] of others) {
    for (const [path, headers] of Object.entries(ROUTES)) {
      const answer = await ask(gateway, path, { headers: { ...headers, authorization: `Bearer ${token}` } })
      expectProblem(t, answer, 401, 'invalid_token', `${name} on ${path}`)
      t.equal(answer.headers.get('www-authenticate'), CHALLENGE_INVALID)
    }
  }
})

// Attack: an attacker uses a copied token after its user logged out or was disabled.
t.test('401 a token with a revoked or expired session, of a disabled user, or older than one hour', async (t) => {
  const dead = async (name: string, access: string) => {
    for (const [path, headers] of Object.entries(ROUTES)) {
      const answer = await ask(gateway, path, { headers: { ...headers, authorization: `Bearer ${access}` } })
      expectProblem(t, answer, 401, 'invalid_token', `${name} on ${path}`)
      t.equal(answer.headers.get('www-authenticate'), CHALLENGE_INVALID)
    }
  }
  const { access: ended } = await login(gateway, 'agent')
  const { access: other } = await login(gateway, 'agent')
  const signed_out = await ask(gateway, '/v1/auth/logout', {
    method: 'POST',
    headers: { authorization: `Bearer ${ended}` },
  })
  t.equal(signed_out.status, 204)
  await dead('signed out', ended)
  const own = (access: string) => ask(gateway, '/v1/me', { headers: { authorization: `Bearer ${access}` } })
  t.equal((await own(other)).status, 200, 'the other session stays active')

  const { access: of_disabled } = await login(gateway, 'lead')
  await world.platform.write('user.disabled', (store) => store.platform_users.disable(world.ids.lead))
  await dead('user disabled', of_disabled)
  const { access: of_marked } = await login(gateway, 'admin')
  await gateway.sql(`update users set disabled_at = now() where id = '${world.ids.admin}'`)
  await dead('user disabled, session not revoked', of_marked)

  gateway.clock.advance(3600_000)
  await dead('older than an hour', other)
  const { access: next } = await login(gateway, 'agent')
  await gateway.sql(`update sessions set expires_at = created_at where user_id = '${world.ids.agent}'`)
  await dead('session expired', next)
})
