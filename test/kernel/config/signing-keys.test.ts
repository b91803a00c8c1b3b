import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'
import { ConfigurationError, readEnvironment } from '../../../src/kernel/config/env.js'
import { generateSigningKeys, loadSecrets, parseSigningKeys } from '../../../src/kernel/config/secrets.js'
import { t } from '../../helpers/t.js'

const SECRET = 'planted-secret-7'
type Jwk = Record<string, unknown>
const parsed = (text: string) => JSON.parse(text).keys[0] as Jwk
const ec = parsed(generateSigningKeys())
const other = parsed(generateSigningKeys())
const { d: _d, ...ec_public } = ec
const ed = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) as Jwk
const set = (...keys: unknown[]) => JSON.stringify({ keys })

/** The message of the error that this value causes. */
async function refusal(text: string): Promise<string> {
  try {
    await parseSigningKeys(text)
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message
    throw error
  }
  throw new Error(`taken: ${text}`)
}

// Attack: an attacker forges tokens, because the signing key is weak, shared, or of an unsuitable kind.
t.test('malformed, weak or unsuitable keys stop the start, and the message shows no part of them', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'jwk' })
  const p384 = await exportJWK((await generateKeyPair('ES384', { extractable: true })).privateKey)
  const x25519 = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })
  const bad: Record<string, string> = {
    'no JSON': `${SECRET}{`,
    'a JSON text': `"${SECRET}"`,
    'a JSON number': '1',
    null: 'null',
    'a list': set().replace('{"keys":', '').replace('}', ''),
    'no keys': '{}',
    'keys that are no list': `{"keys":"${SECRET}"}`,
    'no key': set(),
    'too many keys': set(...Array.from({ length: 9 }, () => parsed(generateSigningKeys()))),
    'a key that is null': set(null),
    'a key that is a string': set(SECRET),
    'a shared secret': set({ kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), alg: 'HS256' }),
    'a short RSA key': set(rsa),
    'an EC key of another curve': set(p384),
    'a key for agreement': set(x25519),
    'a private part that is too short': set({ ...ec, d: 'AAAA' }),
    'a private part that is no base64': set({ ...ec, d: `${SECRET} !` }),
    'a private part of another key': set({ ...ec, d: other.d }),
    'a point that is not on the curve': set({ ...ec, x: ec.y, y: ec.x }),
    'a part missing': set({ ...ec, y: undefined }),
    'a first key that cannot sign': set(ec_public),
    'one key twice': set(ec, ec),
    'one kid twice': set({ ...ec, kid: 'a' }, { ...other, kid: 'a' }),
    'a kid with a line break': set({ ...ec, kid: `a\n${SECRET}` }),
    'a kid that is no string': set({ ...ec, kid: 7 }),
    'an empty kid': set({ ...ec, kid: '' }),
    'a kid that is too long': set({ ...ec, kid: 'a'.repeat(129) }),
    'an algorithm that is not the key’s': set({ ...ec, alg: 'HS256' }),
    'a key for encryption': set({ ...ec, use: 'enc' }),
  }
  for (const [name, text] of Object.entries(bad)) {
    const line = await refusal(text).catch((error) => `${name}: ${error}`)
    t.match(line, /^JWT_SIGNING_KEYS: [^\n]+$/, name)
    for (const secret of [SECRET, String(ec.d), String(other.d)])
      t.notOk(line.includes(secret), `${name}: a secret in the message`)
  }
})

t.test('the first key signs, the others verify, and each has its own algorithm', async (t) => {
  const ring = await parseSigningKeys(set(ed, ec, { ...other, d: undefined, kid: 'old' }))
  t.same(
    ring.map(({ algorithm, private_pem }) => [algorithm, private_pem !== undefined]),
    [
      ['EdDSA', true],
      ['ES256', true],
      ['ES256', false],
    ],
  )
  t.equal(ring[2]?.kid, 'old')
  t.equal(new Set(ring.map(({ kid }) => kid)).size, 3, 'a key without a kid gets its thumbprint')
  for (const { public_jwk, kid, algorithm } of ring) {
    t.notOk('d' in public_jwk, 'the published key holds no private part')
    t.match(public_jwk, { kid, alg: algorithm, use: 'sig' })
  }
  t.not(generateSigningKeys(), generateSigningKeys(), 'each call generates other keys')
})

t.test('embedded keys are created once in a file that only its owner can read, or read from a file', async (t) => {
  const data_dir = join(t.testdir(), 'data')
  const embedded = { engine: 'embedded', data_dir } as const
  const first = await loadSecrets(readEnvironment({}), embedded)
  const file = join(data_dir, 'signing-keys.json')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.same(await loadSecrets(readEnvironment({}), embedded), first, 'the same keys after a restart')
  t.match(readFileSync(file, 'utf8'), /"kty":"EC"/)

  const named = t.testdir({ 'keys.json': set(ec), 'bad.json': SECRET })
  const of_file = await loadSecrets(readEnvironment({ JWT_SIGNING_KEYS: join(named, 'keys.json') }), embedded)
  t.equal(of_file.signing_keys.length, 1)
  for (const path of [join(named, 'bad.json'), join(named, SECRET), named]) {
    const refused = loadSecrets(readEnvironment({ JWT_SIGNING_KEYS: path }), embedded)
    const message = await refused.then(() => 'taken', String)
    t.match(message, /^JWT_SIGNING_KEYS: is (not JSON|neither a JWK Set nor the path)/)
    t.notOk(message.includes(SECRET))
  }
  await t.rejects(loadSecrets(readEnvironment({}), { engine: 'pooled', url: 'x', connections_max: 1 }), {
    message: /^JWT_SIGNING_KEYS: must be set/,
  })
})
