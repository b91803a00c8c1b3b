import fc from 'fast-check'
import type { Test } from 'tap'
import { canonicalNetwork } from '../../../src/features/keys/checks.js'
import { isInNetworks } from '../../../src/kernel/limits/address.js'
import { t } from '../../helpers/t.js'

const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
const toNumber = (parts: readonly number[]) => parts.reduce((sum, part) => sum * 256 + part, 0)
const maskOf = (bits: number) => (bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0)

/** Asserts a property over many generated cases. The message has the failing case. */
function always<T>(t: Test, property: fc.IProperty<T>, runs = 500): void {
  const run = fc.check(property, { numRuns: runs })
  t.notOk(run.failed, run.failed ? String(fc.defaultReportMessage(run)) : `${run.numRuns} cases`)
}

t.test('a network is stored in canonical form, without host bits', async (t) => {
  const spellings = {
    '203.0.113.0/24': '203.0.113.0/24',
    '203.0.113.77/24': '203.0.113.0/24',
    '0.0.0.0/0': '0.0.0.0/0',
    '198.51.100.7/32': '198.51.100.7/32',
    '2001:DB8::/32': '2001:db8::/32',
    '2001:0db8:0000::0001/32': '2001:db8::/32',
    '::1/128': '::1/128',
    '::/0': '::/0',
    '::ffff:10.1.2.3/104': '10.0.0.0/8',
    '::ffff:0a01:0203/128': '10.1.2.3/32',
    '::ffff:10.1.2.3/96': '0.0.0.0/0',
  }
  for (const [text, canonical] of Object.entries(spellings)) t.equal(canonicalNetwork(text), canonical, text)
})

// Attack: uses a spelling that two parsers read as two networks, for example octal 010, which is 8 or 10.
t.test('short, octal, hexadecimal, padded and broken spellings are refused', async (t) => {
  const refused = [
    '10.1/8',
    '10/8',
    '010.0.0.0/8',
    '0x0a.0.0.0/8',
    '167772160/8',
    '10.0.0.0/08',
    '10.0.0.0/010',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0',
    '10.0.0.0/8/8',
    '10.0.0.0/8 ',
    ' 10.0.0.0/8',
    '10.0.0.0/8\n',
    '10.0.0.0/8.0',
    '10.0.0.0/1e1',
    '10.0.0.0/255.0.0.0',
    '10.0.0.256/8',
    '1.2.3.4.5/8',
    '2001:db8::/129',
    '2001:db8::1::/64',
    'fe80::1%eth0/64',
    '[2001:db8::]/32',
    'example.com/24',
    '*',
    'any',
    '',
    '/',
    '/24',
    '\u0661\u0660.0.0.0/8',
  ]
  for (const text of refused) t.equal(canonicalNetwork(text), undefined, JSON.stringify(text))
})

t.test('an IPv4 address is in a network exactly if its leading bits are those of the network', async (t) => {
  always(
    t,
    fc.property(octets, octets, fc.integer({ min: 0, max: 32 }), fc.boolean(), (base, other, bits, is_near) => {
      const address = is_near ? base : other
      const network = canonicalNetwork(`${base.join('.')}/${bits}`) as string
      const is_inside = (toNumber(base) & maskOf(bits)) >>> 0 === (toNumber(address) & maskOf(bits)) >>> 0
      const text = address.join('.')
      return (
        isInNetworks(text, [network]) === is_inside &&
        isInNetworks(`::ffff:${text}`, [network]) === is_inside &&
        canonicalNetwork(network) === network
      )
    }),
    1000,
  )
})

t.test('the canonical form of a canonical form is unchanged', async (t) => {
  const text = fc.oneof(
    fc.string(),
    fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended()), fc.nat(140)).map((parts) => parts.join('/')),
  )
  always(
    t,
    fc.property(text, (given) => {
      const once = canonicalNetwork(given)
      return once === undefined || canonicalNetwork(once) === once
    }),
    2000,
  )
})

t.test('IPv4 and IPv6 do not match each other, and a malformed address matches no network', async (t) => {
  t.notOk(isInNetworks('10.0.0.1', ['::/0']))
  t.notOk(isInNetworks('2001:db8::1', ['0.0.0.0/0']))
  t.notOk(isInNetworks('', ['0.0.0.0/0', '::/0']))
  t.notOk(isInNetworks('unknown', ['0.0.0.0/0', '::/0']))
  t.notOk(isInNetworks('10.0.0.1', []), 'an empty list contains no address')
  t.ok(isInNetworks('2001:db8:ffff::1', ['10.0.0.0/8', '2001:db8::/32']))
})
