import { createHash, createPrivateKey } from 'node:crypto'
import { createRefreshToken, successorOf } from '../../../src/kernel/credentials/refresh-tokens.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, login, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)

const refresh = (token: string, at: { url: string } = gateway) =>
  ask(at, '/v1/auth/refresh', { body: { refresh: token } })
const me = (access: string, at: { url: string } = gateway) =>
  ask(at, '/v1/me', { headers: { authorization: `Bearer ${access}` } })
const sessionOf = (access: string) => JSON.parse(Buffer.from(access.split('.')[1] ?? '', 'base64url').toString()).sid
const sessionRow = async (access: string) =>
  (await gateway.sql(`select *, expires_at::text as ends from sessions where id = '${sessionOf(access)}'`))[0]
const events = async (access: string, action: string) =>
  (await gateway.sql(`select from audit_events where target_id = '${sessionOf(access)}' and action = '${action}'`))
    .length

t.test('200 a refresh returns the next token pair of the same session', async (t) => {
  const first = await login(gateway, 'agent')
  const second = await refresh(first.refresh)
  t.equal(second.status, 200)
  t.strictSame(Object.keys(second.body).sort(), ['access', 'expires_in', 'refresh', 'token_type', 'user'])
  t.match(second.body, {
    token_type: 'Bearer',
    expires_in: 3600,
    user: { email: emailOf('agent'), is_operator: false },
  })
  t.not(second.body.refresh, first.refresh)
  t.not(second.body.access, first.access)
  t.equal(sessionOf(second.body.access), sessionOf(first.access))
  t.match(second.headers.get('cache-control'), 'no-store')
  t.equal((await me(second.body.access)).status, 200)
  t.equal((await me(first.access)).status, 200, 'the old access token is valid until it expires or the session ends')
  t.equal(await events(first.access, 'session.refreshed'), 1)
})

// Attack: races the user with a stolen refresh token. Two successors would be two valid chains, one for the thief.
t.test('50 concurrent refreshes of one token return exactly one successor', async (t) => {
  gateway.clock.stop()
  for (let round = 0; round < 3; round += 1) {
    const { refresh: token, access } = await login(gateway, 'agent')
    // These requests open every connection of the client first. Otherwise the first refresh ends before the others
    // begin.
    await Promise.all(Array.from({ length: 50 }, () => me(access)))
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(token)))
    t.strictSame(new Set(answers.map(({ status }) => status)), new Set([200]))
    t.equal(new Set(answers.map(({ body }) => body.refresh)).size, 1)
    const rows = await gateway.sql(`select used_at from refresh_tokens where session_id = '${sessionOf(access)}'`)
    t.equal(rows.length, 2, 'the first token and its successor')
    t.equal(rows.filter(({ used_at }) => used_at === null).length, 1)
    t.equal(await events(access, 'session.refreshed'), 1)
    t.equal((await refresh(answers[0]?.body.refresh)).status, 200, 'the successor can be refreshed')
  }
})

t.test('200 within 10 s the previous refresh token returns the same successor', async (t) => {
  const { refresh: token } = await login(gateway, 'agent')
  const successor = (await refresh(token)).body.refresh
  gateway.clock.advance(9_000)
  const again = await refresh(token)
  t.equal(again.status, 200)
  t.equal(again.body.refresh, successor)
  t.equal((await refresh(successor)).status, 200)
})

// Attack: replays a stolen refresh token. The gateway cannot tell thief and user apart, so both lose the session.
t.test('401 a refresh token that is reused after 10 s revokes the session', async (t) => {
  const first = await login(gateway, 'agent')
  const bystander = await login(gateway, 'agent')
  const second = (await refresh(first.refresh)).body
  t.equal((await me(second.access)).status, 200)
  gateway.clock.advance(10_001)
  t.match(await refresh(first.refresh), { status: 401, body: { code: 'invalid_refresh_token' } })
  for (const access of [first.access, second.access]) {
    t.match(await me(access), { status: 401, body: { code: 'invalid_token' } })
  }
  const headers = { authorization: `Bearer ${second.access}`, 'x-tenant-id': world.acme.id }
  const data = await ask(gateway, '/v1/customers', { headers: { ...headers, 'x-tenant-api-key': world.acme.key } })
  t.equal(data.status, 401, 'on the data plane too')
  for (const token of [first.refresh, second.refresh]) t.equal((await refresh(token)).status, 401)
  t.match(await sessionRow(first.access), { end_reason: 'refresh_token_reused' })
  t.equal(await events(first.access, 'session.ended'), 1)
  t.equal((await me(bystander.access)).status, 200, 'another session of the same user stays active')
})

// The 10 s are for two tabs that refresh at once, not for a thief with an older token.
t.test('401 a refresh token from two generations ago revokes the session at once', async (t) => {
  const first = await login(gateway, 'agent')
  const second = (await refresh(first.refresh)).body
  const third = (await refresh(second.refresh)).body
  t.equal((await refresh(second.refresh)).body.refresh, third.refresh, 'the previous token still returns the successor')
  t.equal((await refresh(first.refresh)).status, 401)
  t.equal((await refresh(third.refresh)).status, 401)
  t.equal((await me(third.access)).status, 401)
})

t.test('401 after a race between a replay and the current token, no token of the session is valid', async (t) => {
  const first = await login(gateway, 'agent')
  const second = (await refresh(first.refresh)).body
  gateway.clock.advance(10_001)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, position) => refresh(position % 2 === 0 ? first.refresh : second.refresh)),
  )
  t.ok(answers.filter((_, position) => position % 2 === 0).every(({ status }) => status === 401))
  for (const { status, body } of answers) if (status === 200) t.equal((await refresh(body.refresh)).status, 401)
  t.equal((await me(second.access)).status, 401)
})

// Attack: refreshes a stolen session for ever.
t.test('401 the expiry of a session is absolute: a refresh does not extend it', async (t) => {
  let pair: { access: string; refresh: string } = await login(gateway, 'agent')
  const ends = (await sessionRow(pair.access))?.ends
  for (let day = 0; day < 6; day += 1) {
    gateway.clock.advance(86_400_000)
    const next = await refresh(pair.refresh)
    t.equal(next.status, 200, `day ${day + 1}`)
    pair = next.body
  }
  t.equal((await sessionRow(pair.access))?.ends, ends)
  gateway.clock.advance(86_400_000 - 60_000)
  pair = (await refresh(pair.refresh)).body
  t.equal((await me(pair.access)).status, 200)
  gateway.clock.advance(60_000)
  t.equal((await refresh(pair.refresh)).status, 401)
  t.equal((await me(pair.access)).status, 401, 'a new access token does not outlive the session')
})

t.test('204 logout revokes every token of the session at once, and a repeated logout changes nothing', async (t) => {
  const first = await login(gateway, 'agent')
  const second = (await refresh(first.refresh)).body
  const out = (access: string) =>
    ask(gateway, '/v1/auth/logout', { method: 'POST', headers: { authorization: `Bearer ${access}` } })
  t.equal((await out(first.access)).status, 204)
  for (const access of [first.access, second.access]) t.equal((await me(access)).status, 401)
  for (const token of [first.refresh, second.refresh]) t.equal((await refresh(token)).status, 401)
  t.equal((await out(first.access)).status, 401, 'the token of a revoked session')
  t.match(await sessionRow(first.access), { end_reason: 'logout' })
  t.equal(await events(first.access, 'session.ended'), 1)
  const third = await login(gateway, 'agent')
  const both = await Promise.all([out(third.access), out(third.access), out(third.access)])
  t.ok(both.every(({ status }) => status === 204 || status === 401))
  t.equal(await events(third.access, 'session.ended'), 1)
})

t.test('401 every token of a disabled user is invalid, and stays so after the user is enabled again', async (t) => {
  const pair = await login(gateway, 'stranger')
  const path = `/v1/platform/users/${world.ids.stranger}/disable`
  const operator = await login(gateway, 'operator')
  const headers = { authorization: `Bearer ${operator.access}` }
  t.equal((await ask(gateway, path, { method: 'POST', headers })).status, 200)
  t.equal((await me(pair.access)).status, 401)
  t.match(await refresh(pair.refresh), { status: 401, body: { code: 'invalid_refresh_token' } })
  await gateway.sql(`update users set disabled_at = null where id = '${world.ids.stranger}'`)
  t.equal((await refresh(pair.refresh)).status, 401)
  t.equal((await me(pair.access)).status, 401)
})

t.test('401 a user who was disabled directly in the database is refused at the next request', async (t) => {
  const pair = await login(gateway, 'lead')
  await gateway.sql(`update users set disabled_at = now() where id = '${world.ids.lead}'`)
  t.equal((await me(pair.access)).status, 401)
  t.equal((await refresh(pair.refresh)).status, 401)
})

// RFC 8725 section 3.12: the validation rules of the two token kinds exclude each other.
t.test('401 a refresh token is not valid as an access token, and an access token not as a refresh token', async (t) => {
  const pair = await login(gateway, 'agent')
  t.match(await me(pair.refresh), { status: 401, body: { code: 'invalid_token' } })
  const long = await refresh(pair.access)
  t.ok([400, 401].includes(long.status))
  const wrong = ['ghr_', 'x', `${pair.refresh}x`, pair.refresh.slice(0, -1), ` ${pair.refresh}`, `${pair.refresh}\n`]
  for (const token of [...wrong, pair.refresh.toUpperCase(), pair.access.slice(0, 47)]) {
    t.match(await refresh(token), { status: 401, body: { code: 'invalid_refresh_token' } }, JSON.stringify(token))
  }
  t.equal((await refresh(pair.refresh)).status, 200, 'the refused tokens did not revoke the session')
})

// Attack: sends a forged token to revoke the session of another user.
t.test('401 a forged refresh token revokes no session, and gets the response of a revoked one', async (t) => {
  const pair = await login(gateway, 'agent')
  const before = await gateway.sql('select id from sessions where ended_at is not null')
  const forged = await Promise.all(Array.from({ length: 20 }, () => refresh(createRefreshToken())))
  const dead = await login(gateway, 'agent')
  await gateway.sql(
    `update sessions set ended_at = now(), end_reason = 'logout' where id = '${sessionOf(dead.access)}'`,
  )
  const texts = [...forged, await refresh(dead.refresh)].map(({ text, body }) => text.replace(body.request_id, ''))
  t.equal(new Set(texts).size, 1)
  t.equal((await gateway.sql('select id from sessions where ended_at is not null')).length, before.length + 1)
  t.equal((await me(pair.access)).status, 200)
})

// Attack: reads the database or a backup to log in as a user.
t.test('the database has only digests of refresh tokens, and the successor cannot be computed from them', async (t) => {
  const first = await login(gateway, 'agent')
  const second = (await refresh(first.refresh)).body
  const rows = await gateway.sql(`
    select encode(digest, 'hex') as digest, encode(successor_salt, 'hex') as salt,
      encode(successor_digest, 'hex') as successor, r::text as whole
    from refresh_tokens r where session_id = '${sessionOf(first.access)}' order by used_at nulls last`)
  const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')
  t.match(rows, [
    { digest: digestOf(first.refresh), successor: digestOf(second.refresh) },
    { digest: digestOf(second.refresh), salt: null },
  ])
  const salt = Buffer.from(String(rows[0]?.salt), 'hex')
  t.equal(successorOf(first.refresh, salt), second.refresh, 'secret and salt give the successor')
  for (const known of [String(rows[0]?.digest), '', `ghr_${rows[0]?.digest}`]) {
    t.not(successorOf(known, salt), second.refresh, 'digest and salt do not')
  }
  const places = JSON.stringify(rows) + JSON.stringify(await gateway.sql('select * from audit_events'))
  for (const token of [first.refresh, second.refresh, first.access]) {
    t.notOk((places + gateway.lines.join('')).includes(token.slice(4, 30)))
  }
})

// Attack: replays a token after a restart. The used tokens must be in the database, not in memory.
t.test('401 another process on the same database detects the reuse of a refresh token', async (t) => {
  const first = await login(gateway, 'agent')
  const second = (await refresh(first.refresh)).body
  const third = (await refresh(second.refresh)).body
  const signing_keys = JSON.stringify({ keys: [exportKey()] })
  const restarted = await startGateway({ on: gateway.test_database, signing_keys })
  t.teardown(() => restarted.close())
  restarted.clock.advance(gateway.clock.now() - Date.now())
  t.equal((await refresh(third.refresh, restarted)).status, 200, 'another process refreshes the session')
  t.equal((await me(third.access, restarted)).status, 200)
  t.equal((await refresh(first.refresh, restarted)).status, 401)
  t.equal((await me(third.access, restarted)).status, 401, 'at the other process')
  t.equal((await me(third.access)).status, 401, 'at the first process')
})

t.test('400 an invalid body of a refresh', async (t) => {
  for (const body of [{}, { refresh: 7 }, { refresh: '' }, { refresh: 'x'.repeat(129) }, { refresh: 'x', user: 'y' }]) {
    t.match(await ask(gateway, '/v1/auth/refresh', { body }), { status: 400, body: { code: 'validation_failed' } })
  }
  const person: Person = 'agent'
  const headers = { authorization: `Bearer ${(await login(gateway, person)).access}` }
  t.equal((await ask(gateway, '/v1/auth/refresh', { method: 'POST', headers })).status, 400, 'an access token only')
})

/** Returns the signing key of the first gateway as the JWK of a configuration. */
function exportKey() {
  const [key] = gateway.signing_keys
  return createPrivateKey(key.private_pem as string).export({ format: 'jwk' })
}
