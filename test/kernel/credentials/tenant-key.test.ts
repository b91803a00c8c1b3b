import { createHash } from 'node:crypto'
import fc from 'fast-check'
import type { Test } from 'tap'
import {
  createTenantKey,
  digestOfSecret,
  isSameDigest,
  parseTenantKey,
} from '../../../src/kernel/credentials/tenant-key.js'
import { t } from '../../helpers/t.js'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const made = fc.constant(null).map(() => createTenantKey())
const base62 = (length: number) =>
  fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: length, maxLength: length })

/** Asserts a property for many generated cases. The message holds the failing case. */
function always<T>(t: Test, property: fc.IProperty<T>, runs = 500): void {
  const run = fc.check(property, { numRuns: runs })
  t.notOk(run.failed, run.failed ? String(fc.defaultReportMessage(run)) : `${run.numRuns} cases`)
}

t.test('a created key has the documented format and parses to its id and secret', async (t) => {
  always(
    t,
    fc.property(made, ({ key, id, secret_digest, secret_last_four }) => {
      const parsed = parseTenantKey(key)
      return (
        /^ghk_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/.test(key) &&
        parsed?.id === id &&
        parsed.secret === key.slice(17, 60) &&
        secret_last_four === key.slice(-4) &&
        createHash('sha256').update(parsed.secret).digest().equals(secret_digest)
      )
    }),
    500,
  )
})

t.test('no two keys share an id or a secret, and every character of the alphabet is used', async (t) => {
  const parsed = Array.from({ length: 500 }, () => parseTenantKey(createTenantKey().key))
  t.equal(new Set(parsed.map((each) => each?.id)).size, 500)
  t.equal(new Set(parsed.map((each) => each?.secret)).size, 500)
  const used = new Set(parsed.flatMap((each) => [...(each?.secret ?? '')]))
  t.equal(used.size, ALPHABET.length, 'a smaller alphabet would have fewer than 256 bits')
})

// CRC-32 detects every burst of up to 32 bits, so the gateway refuses a mistyped key without a query.
t.test('a key with one changed character does not parse', async (t) => {
  always(
    t,
    fc.property(made, fc.nat({ max: 65 }), fc.string({ minLength: 1, maxLength: 1 }), ({ key }, at, character) => {
      fc.pre(key[at] !== character)
      return parseTenantKey(key.slice(0, at) + character + key.slice(at + 1)) === undefined
    }),
    2000,
  )
})

t.test('a key with two swapped neighbours does not parse', async (t) => {
  always(
    t,
    fc.property(made, fc.nat({ max: 64 }), ({ key }, at) => {
      fc.pre(key[at] !== key[at + 1])
      return parseTenantKey(`${key.slice(0, at)}${key[at + 1]}${key[at]}${key.slice(at + 2)}`) === undefined
    }),
    1000,
  )
})

t.test('a random key does not parse, because of its checksum', async (t) => {
  always(
    t,
    fc.property(base62(12), base62(49), (id, rest) => parseTenantKey(`ghk_${id}_${rest}`) === undefined),
  )
})

t.test('a key with another length, alphabet, prefix or case, or inside other text, does not parse', async (t) => {
  const { key } = createTenantKey()
  const wrong = {
    empty: '',
    shorter: key.slice(0, -1),
    longer: `${key}0`,
    'a key and a line feed': `${key}\n`,
    'a space before': ` ${key}`,
    'a space after': `${key} `,
    quoted: `"${key}"`,
    'two keys': `${key}, ${key}`,
    'prefix in capitals': key.replace('ghk_', 'GHK_'),
    'prefix of a refresh token': key.replace('ghk_', 'ghr_'),
    'no prefix': key.slice(4),
    'a dash for the underscore': key.replace(/_(?=[^_]*$)/, '-'),
    'base64url in the secret': `${key.slice(0, 20)}-${key.slice(21)}`,
    'another script': `${key.slice(0, 20)}а${key.slice(21)}`,
    'NUL inside': `${key.slice(0, 20)}\u0000${key.slice(21)}`,
    'all capitals': key.toUpperCase(),
  }
  for (const [name, text] of Object.entries(wrong)) t.equal(parseTenantKey(text), undefined, name)
  t.ok(parseTenantKey(key), 'the unchanged key')
})

t.test('digests are compared by content and length', async (t) => {
  const digest = digestOfSecret('a')
  t.ok(isSameDigest(digest, new Uint8Array(digest)))
  t.notOk(isSameDigest(digest, digestOfSecret('b')))
  t.notOk(isSameDigest(digest, digest.subarray(0, 31)), 'a prefix of the digest')
  t.notOk(isSameDigest(digest, new Uint8Array(0)), 'an empty digest')
})
