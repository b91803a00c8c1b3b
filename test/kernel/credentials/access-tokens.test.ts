import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from 'jose'
import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import { withCanonicalSignature } from '../../../src/kernel/credentials/canonical-signature.js'
import { PUBLIC_URL, startGateway, type TestGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, login } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { access } = await login(gateway, 'agent')
const other_session = decode((await login(gateway, 'owner')).access, 1).sid as string

const [key] = gateway.signing_keys
const private_key = createPrivateKey(key.private_pem as string)
const header = decode(access, 0)
const claims = decode(access, 1)

type Json = Record<string, unknown>
function decode(token: string, part: 0 | 1): Json {
  return JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString())
}
const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
/** Returns a token with these parts, with a valid signature of the gateway's key or of another key. */
function forge(with_header: Json | string, with_claims: Json | string, by: KeyObject = private_key): string {
  const input = `${encode(with_header)}.${encode(with_claims)}`
  const digest = by.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  const signature = sign(digest, Buffer.from(input), { key: by, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  return withCanonicalSignature(`${input}.${signature}`, digest === null ? 'EdDSA' : 'ES256')
}
function forgeHmac(with_header: Json, secret: string | Buffer): string {
  const input = `${encode(with_header)}.${encode(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
const without = (from: Json, name: string) => Object.fromEntries(Object.entries(from).filter(([each]) => each !== name))
const me = (token: string, at: { url: string } = gateway) =>
  ask(at, '/v1/me', { headers: { authorization: `Bearer ${token}` } })

/** Asserts that the gateway refuses each token with 401 and the challenge of an invalid token. */
async function refuses(t: Tap, tokens: Record<string, string>): Promise<void> {
  for (const [name, token] of Object.entries(tokens)) {
    const answer = await me(token)
    t.match(answer, { status: 401, body: { code: 'invalid_token' } }, name)
    t.match(answer.headers.get('www-authenticate'), /^Bearer .*error="invalid_token"/, name)
  }
}
type Tap = import('tap').Test

t.test('200 a token that the tests sign is valid if they change nothing', async (t) => {
  t.equal((await me(access)).status, 200)
  t.equal((await me(forge(header, claims))).status, 200)
})

t.test('a token holds the user, the session and the lifetime, and no scopes', async (t) => {
  t.strictSame(header, { alg: 'ES256', typ: 'at+jwt', kid: key.kid })
  t.strictSame(Object.keys(claims).sort(), ['aud', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub'])
  t.match(claims, { iss: PUBLIC_URL, aud: 'gatehouse', sub: world.ids.agent })
  t.equal(Number(claims.exp) - Number(claims.iat), 3600)
})

// Attack: the client chooses the algorithm in the header of the token (CVE-2015-9235 and similar).
t.test('401 any algorithm other than that of the key, in any spelling', async (t) => {
  const [input, body] = access.split('.')
  const tokens: Record<string, string> = {}
  for (const alg of [
    'none',
    'None',
    'NONE',
    'nOnE',
    '',
    'es256',
    'Es256',
    'ES256 ',
    'ES384',
    'ES512',
    'EdDSA',
    'RS256',
  ])
    tokens[`alg ${JSON.stringify(alg)}, well signed`] = forge({ ...header, alg }, claims)
  for (const alg of [null, 7, ['ES256'], { ES256: true }, true])
    tokens[`alg ${alg}`] = forge({ ...header, alg }, claims)
  tokens['no alg'] = forge(without(header, 'alg'), claims)
  tokens['alg none without signature'] = `${encode({ ...header, alg: 'none' })}.${body}.`
  tokens['alg none with the old signature'] = `${encode({ ...header, alg: 'none' })}.${body}.${access.split('.')[2]}`
  tokens['signature removed'] = `${input}.${body}.`
  tokens['signature and dot removed'] = `${input}.${body}`
  await refuses(t, tokens)
})

// Attack: the client signs a token with HMAC, and uses the published public key as the secret.
t.test('401 an HMAC with the public key as the secret, in any of its formats', async (t) => {
  const jwk = key.public_jwk
  const der = createPublicKey(key.public_pem).export({ type: 'spki', format: 'der' })
  const secrets: Record<string, string | Buffer> = {
    PEM: key.public_pem,
    'PEM trimmed': key.public_pem.trim(),
    DER: der,
    JWK: JSON.stringify(jwk),
    'JWK as published': JSON.stringify((await ask(gateway, '/.well-known/jwks.json')).body.keys[0]),
    'key set': (await ask(gateway, '/.well-known/jwks.json')).text,
    x: Buffer.from(String(jwk.x), 'base64url'),
    kid: key.kid,
    nothing: '',
  }
  const tokens: Record<string, string> = {}
  for (const [name, secret] of Object.entries(secrets)) {
    tokens[`HS256 with ${name}`] = forgeHmac({ ...header, alg: 'HS256' }, secret)
    tokens[`ES256 in the header, HMAC with ${name}`] = forgeHmac(header, secret)
  }
  await refuses(t, tokens)
})

// Attack: the client names another key in the header, or includes its own. Before the signature is verified, the header
// may only choose one of the gateway's keys.
t.test('401 a kid that no key of the gateway has, and a key inside the token', async (t) => {
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...stranger.publicKey.export({ format: 'jwk' }), kid: key.kid, alg: 'ES256' }
  const tokens: Record<string, string> = {
    'no kid': forge(without(header, 'kid'), claims),
    'a stranger who signs under our kid': forge(header, claims, stranger.privateKey),
    'jwk of a stranger': forge({ ...header, jwk }, claims, stranger.privateKey),
    'jwk and its kid': forge({ ...header, jwk, kid: 'mine' }, claims, stranger.privateKey),
    'jku of a stranger': forge({ ...header, jku: `${gateway.url}/seen-jku` }, claims, stranger.privateKey),
    'x5u of a stranger': forge({ ...header, x5u: `${gateway.url}/seen-x5u` }, claims, stranger.privateKey),
    'x5c of a stranger': forge({ ...header, x5c: ['MIIB'] }, claims, stranger.privateKey),
  }
  const kids = ['', 'key0', '0', '../../etc/passwd', "' or '1'='1", '__proto__', 'constructor', 'x'.repeat(500)]
  for (const kid of [...kids, `${key.kid} `, key.kid.toUpperCase(), null, 0, [key.kid], { kid: key.kid }]) {
    tokens[`kid ${JSON.stringify(kid)}`] = forge({ ...header, kid }, claims)
  }
  await refuses(t, tokens)
  t.notMatch(gateway.lines.join(''), /seen-/, 'the gateway fetched no URL of the token')
})

t.test('401 another type, issuer or audience', async (t) => {
  const tokens: Record<string, string> = { 'no typ': forge(without(header, 'typ'), claims) }
  for (const typ of ['JWT', 'jwt', 'refresh+jwt', 'at+jwt2', '', null, 7]) {
    tokens[`typ ${typ}`] = forge({ ...header, typ }, claims)
  }
  for (const iss of ['http://evil.test', `${PUBLIC_URL}/`, '', null, [PUBLIC_URL], 7]) {
    tokens[`iss ${JSON.stringify(iss)}`] = forge(header, { ...claims, iss })
  }
  for (const aud of ['other', 'Gatehouse', '', null, ['other'], [], 7]) {
    tokens[`aud ${JSON.stringify(aud)}`] = forge(header, { ...claims, aud })
  }
  for (const name of ['iss', 'aud']) tokens[`no ${name}`] = forge(header, without(claims, name))
  await refuses(t, tokens)
})

t.test('401 a claim that is missing or of another type', async (t) => {
  const now = Math.floor(gateway.clock.now() / 1000)
  const tokens: Record<string, string> = {
    expired: forge(header, { ...claims, exp: now - 1 }),
    'expires now': forge(header, { ...claims, exp: now }),
    'not yet': forge(header, { ...claims, nbf: now + 600 }),
    'payload is a string': forge(header, '"hello"'),
    'payload is null': forge(header, 'null'),
    'payload is a list': forge(header, '[1]'),
    'payload is no JSON': forge(header, 'hello'),
  }
  for (const name of ['exp', 'iat', 'sub', 'sid', 'jti']) tokens[`no ${name}`] = forge(header, without(claims, name))
  for (const exp of [String(claims.exp), null, true, {}, -1, `${claims.exp}junk`]) {
    tokens[`exp ${JSON.stringify(exp)}`] = forge(header, { ...claims, exp })
  }
  for (const sub of ['', 'x', null, 7, [claims.sub], `${claims.sub} `, "'; drop table users; --"]) {
    tokens[`sub ${JSON.stringify(sub)}`] = forge(header, { ...claims, sub })
    tokens[`sid ${JSON.stringify(sub)}`] = forge(header, { ...claims, sid: sub })
  }
  await refuses(t, tokens)
})

// Attack: somebody who could sign for a moment keeps a token for years, or makes one that is valid later.
t.test('401 a token that lives longer than any the gateway issues, or that was issued in the future', async (t) => {
  const now = Math.floor(gateway.clock.now() / 1000)
  await refuses(t, {
    'exp in ten years': forge(header, { ...claims, exp: now + 315_360_000 }),
    'exp in two days': forge(header, { ...claims, exp: now + 172_800 }),
    'iat in an hour': forge(header, { ...claims, iat: now + 3600 }),
    'iat of another type': forge(header, { ...claims, iat: String(now) }),
  })
  t.equal((await me(forge(header, { ...claims, iat: now + 30, exp: now + 86_400 }))).status, 200, 'within the limits')
})

// Attack: the client changes the form of a good token, so that a list of revoked tokens or a log takes it for another one.
t.test(
  '401 another form of a good signature, and a member of the header that the gateway does not write',
  async (t) => {
    const start = access.slice(0, access.lastIndexOf('.') + 1)
    const signature = Buffer.from(access.slice(start.length), 'base64url')
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const high = (order - BigInt(`0x${signature.subarray(32).toString('hex')}`)).toString(16).padStart(64, '0')
    const tokens: Record<string, string> = {
      'the other s': start + Buffer.concat([signature.subarray(0, 32), Buffer.from(high, 'hex')]).toString('base64url'),
    }
    const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = ALPHABET.indexOf(access.at(-1) as string)
    for (const bits of [1, 7, 15]) tokens[`unused bits ${bits}`] = access.slice(0, -1) + ALPHABET[last + bits]
    for (const more of [{ jku: 'https://evil.test' }, { zip: 'DEF' }, { cty: 'JWT' }]) {
      tokens[JSON.stringify(more)] = forge({ ...header, ...more }, claims)
    }
    await refuses(t, tokens)
    for (let count = 0; count < 8; count += 1) {
      const { access: fresh } = await login(gateway, 'agent')
      t.equal((await me(fresh)).status, 200, 'every token of the gateway has the one form')
    }
  },
)

// Attack: the client combines the session of one user with the id of another, to act as the other.
t.test('401 a session of another user, and an unknown session or user', async (t) => {
  await refuses(t, {
    'sid of another user': forge(header, { ...claims, sid: other_session }),
    'sub of another user': forge(header, { ...claims, sub: world.ids.owner }),
    'an unknown sid': forge(header, { ...claims, sid: '00000000-0000-4000-8000-000000000000' }),
    'an unknown sub': forge(header, { ...claims, sub: '00000000-0000-4000-8000-000000000000' }),
  })
})

t.test('401 a token with a change in any of its parts', async (t) => {
  const [head, body, signature] = access.split('.') as [string, string, string]
  const tokens: Record<string, string> = {
    'payload of another user': `${head}.${encode({ ...claims, sub: world.ids.owner, sid: other_session })}.${signature}`,
    'a later expiry': `${head}.${encode({ ...claims, exp: Number(claims.exp) + 3600 })}.${signature}`,
    'signature of zeroes': `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
    'signature in DER': `${head}.${body}.${sign('sha256', Buffer.from(`${head}.${body}`), private_key).toString('base64url')}`,
    'signature cut': `${head}.${body}.${signature.slice(0, -4)}`,
    'signature and more': `${head}.${body}.${signature}AAAA`,
  }
  // Only two bits of the last character belong to the signature, so the loop does not change it.
  for (const at of [0, 10, 40, 84]) {
    const changed = signature[at] === 'A' ? 'B' : 'A'
    tokens[`signature at ${at}`] = `${head}.${body}.${signature.slice(0, at)}${changed}${signature.slice(at + 1)}`
  }
  await refuses(t, tokens)
})

// Attack: the client sends text that contains a token in another format (CVE-2026-39999, RFC 8725bis section 3.14).
t.test('401 anything other than one compact JWS', async (t) => {
  const [head, body, signature] = access.split('.') as [string, string, string]
  const json = JSON.stringify({ protected: head, payload: body, signature })
  await refuses(t, {
    'four parts': `${access}.AAAA`,
    'five parts': `${access}.AAAA.AAAA`,
    'an empty part': `${head}..${body}.${signature}`,
    'a dot before the token': `.${access}`,
    'a dot after the token': `${access}.`,
    'JWS in JSON': json,
    'JWS in general JSON': JSON.stringify({ payload: body, signatures: [{ protected: head, signature }] }),
    'in braces': `{${access}}`,
    'in quotes': `"${access}"`,
    'padded parts': `${head}=.${body}=.${signature}==`,
    'standard base64': `${head}.${body}.${signature.slice(0, -1)}+`,
    'percent-encoded': access.replaceAll('.', '%2E'),
    'two tokens': `${access},${access}`,
    'two words': `${access} ${access}`,
    'a tab inside': `${head}.\t${body}.${signature}`,
    'over long': forge(header, { ...claims, padding: 'x'.repeat(2048) }),
    'header is no JSON': forge('hello', claims),
    'header is a list': forge('[]', claims),
    'header is null': forge('null', claims),
    nothing: '.',
  })
  for (const authorization of ['Bearer', 'Bearer ', 'Basic dTpw', access, `Token ${access}`, `Bearer:${access}`]) {
    t.match(await ask(gateway, '/v1/me', { headers: { authorization } }), {
      status: 401,
      body: { code: 'invalid_token' },
    })
  }
  t.equal(
    (await ask(gateway, '/v1/me', { headers: { authorization: `bearer ${access}` } })).status,
    200,
    'RFC 9110 11.1',
  )
})

t.test('401 an invalid token with a valid integration key never falls back to the key', async (t) => {
  const headers = keyHeaders({ id: world.acme.id, key: world.acme.integration_key })
  t.equal((await ask(gateway, '/v1/customers', { headers })).status, 200)
  for (const token of [`${access}x`, forge({ ...header, alg: 'none' }, claims), 'x']) {
    const answer = await ask(gateway, '/v1/customers', { headers: { ...headers, authorization: `Bearer ${token}` } })
    t.match(answer, { status: 401, body: { code: 'invalid_token' } })
  }
})

// Attack: the client sends an expired token that is in the cache of verified tokens (CVE-2026-107719).
t.test('401 a cached token after it has expired or its session is revoked', async (t) => {
  const local = await startGateway({ on: gateway.test_database, env: { ACCESS_TOKEN_SECONDS: '600' } })
  t.teardown(() => local.close())
  local.clock.stop()
  const first = await login(local, 'lead')
  t.equal((await me(first.access, local)).status, 200)
  t.equal((await me(first.access, local)).status, 200, 'from the cache')
  local.clock.advance(599_000)
  t.equal((await me(first.access, local)).status, 200)
  local.clock.advance(1_000)
  t.equal((await me(first.access, local)).status, 401)
  const second = await login(local, 'lead')
  const authorization = `Bearer ${second.access}`
  t.equal((await me(second.access, local)).status, 200)
  await ask(local, '/v1/auth/logout', { method: 'POST', headers: { authorization } })
  t.equal((await me(second.access, local)).status, 401)
  t.equal((await me(access, local)).status, 401, 'a token of a gateway with other keys')
})

t.test(
  'during a rotation the current and the previous key verify, only the current one signs, a removed one fails',
  async (t) => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const jwkOf = (of: KeyObject) => of.export({ format: 'jwk' })
    const old_key = JSON.parse(generateSigningKeys()).keys[0]
    const start = async (...keys: unknown[]) => {
      const started = await startGateway({ on: gateway.test_database, signing_keys: JSON.stringify({ keys }) })
      t.teardown(() => started.close())
      return started
    }
    const before = await start(old_key)
    const during = await start(jwkOf(privateKey), old_key)
    const published = await start(jwkOf(privateKey), { ...old_key, d: undefined })
    const after = await start(jwkOf(privateKey))
    const [by_old, by_new] = [(await login(before, 'admin')).access, (await login(during, 'admin')).access]
    t.match([decode(by_old, 0).alg, decode(by_new, 0).alg], ['ES256', 'EdDSA'])
    const statuses = async (at: TestGateway) => [(await me(by_old, at)).status, (await me(by_new, at)).status]
    t.strictSame(await statuses(before), [200, 401], 'a key that is not yet configured')
    t.strictSame(await statuses(during), [200, 200])
    t.strictSame(await statuses(published), [200, 200], 'a public key is enough to verify')
    t.strictSame(await statuses(after), [401, 200], 'a removed key')

    // Each key verifies only its own algorithm. The kid of the EdDSA key with a signature of the ES256 key is invalid.
    const [new_kid, old_kid] = during.signing_keys.map(({ kid }) => kid)
    const crossed = { ...decode(by_old, 0), kid: new_kid }
    const old_private = createPrivateKey({ key: old_key, format: 'jwk' })
    t.equal((await me(forge({ ...crossed, kid: old_kid }, decode(by_old, 1), old_private), during)).status, 200)
    t.equal((await me(forge(crossed, decode(by_old, 1), old_private), during)).status, 401)
    t.equal((await me(forge({ ...crossed, alg: 'EdDSA' }, decode(by_old, 1), privateKey), during)).status, 200)
    t.equal((await me(forge({ ...crossed, alg: 'ES256' }, decode(by_old, 1), privateKey), during)).status, 401)

    const { keys } = (await ask(during, '/.well-known/jwks.json')).body
    t.strictSame(
      keys.map(({ alg }: { alg: string }) => alg),
      ['EdDSA', 'ES256'],
    )
    for (const token of [by_old, by_new]) {
      const verified = await jwtVerify(token, createLocalJWKSet({ keys }), {
        issuer: PUBLIC_URL,
        audience: 'gatehouse',
      })
      t.equal(verified.payload.sub, world.ids.admin)
    }
  },
)

t.test('200 a JWT library verifies a token with the published key set, which holds no private part', async (t) => {
  const key_set = createRemoteJWKSet(new URL(`${gateway.url}/.well-known/jwks.json`))
  const options = { issuer: PUBLIC_URL, audience: 'gatehouse', typ: 'at+jwt', algorithms: ['ES256'] }
  t.equal((await jwtVerify(access, key_set, options)).payload.sub, world.ids.agent)
  await t.rejects(jwtVerify(`${access.slice(0, -4)}AAAA`, key_set, options))
  const answer = await ask(gateway, '/.well-known/jwks.json')
  t.match(answer.headers.get('content-type'), /^application\/(jwk-set\+)?json/)
  t.equal(answer.body.keys.length, 1)
  t.strictSame(Object.keys(answer.body.keys[0]).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
})
