import fc from 'fast-check'
import { addressBucket, isInNetworks, parseAddress } from '../../../src/kernel/limits/address.js'
import { t } from '../../helpers/t.js'

const byte = fc.integer({ min: 0, max: 255 })
const ipv4 = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'))
const group = fc.integer({ min: 0, max: 0xffff })
/** IPv6 addresses outside the IPv4-mapped range, whose first groups are zero. */
const groups = fc.array(group, { minLength: 8, maxLength: 8 }).filter(([first]) => (first as number) >= 0x2000)
const written = (parts: readonly number[]) => parts.map((part) => part.toString(16)).join(':')

// Attack: a client with one IPv6 connection has 2^64 addresses, and sends each request from another one to get a new
// budget.
t.test('IPv6 addresses of one /64 share a bucket, and addresses of two do not', (t) => {
  fc.assert(
    fc.property(groups, groups, (left, right) => {
      const neighbour = [...left.slice(0, 4), ...right.slice(4)]
      const is_same_network = left.slice(0, 4).join() === right.slice(0, 4).join()
      return (
        addressBucket(written(left)) === addressBucket(written(neighbour)) &&
        (addressBucket(written(left)) === addressBucket(written(right))) === is_same_network
      )
    }),
  )
  t.equal(addressBucket('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  t.end()
})

t.test('each IPv4 address has one bucket, also in its IPv4-mapped IPv6 form', (t) => {
  fc.assert(
    fc.property(ipv4, ipv4, (left, right) => {
      const [bucket, other] = [addressBucket(left), addressBucket(right)]
      return bucket === addressBucket(`::ffff:${left}`) && (bucket === other) === (left === right)
    }),
  )
  t.end()
})

// Attack: the client spells its address in another way to get another bucket.
t.test('an address has the same bucket in every spelling', (t) => {
  fc.assert(
    fc.property(groups, (parts) => {
      const padded = parts.map((part) => part.toString(16).padStart(4, '0')).join(':')
      return new Set([written(parts), padded, padded.toUpperCase()].map(addressBucket)).size === 1
    }),
  )
  t.equal(addressBucket('2001:db8::1'), addressBucket('2001:0DB8:0:0:0:0:0:0001'))
  t.equal(addressBucket('::ffff:7f00:1'), '127.0.0.1')
  t.equal(addressBucket('fe80::1%eth0'), addressBucket('fe80::2%eth0'), 'link-local addresses with a zone')
  t.end()
})

t.test('an address with a port, as some proxies write it, has the bucket of the address', (t) => {
  t.equal(addressBucket('203.0.113.7:4711'), '203.0.113.7')
  t.equal(addressBucket('[2001:db8:1:2::3]:4711'), '2001:db8:1:2::/64')
  t.equal(addressBucket('[::ffff:203.0.113.7]'), '203.0.113.7')
  t.end()
})

t.test('every malformed address has the bucket "unknown"', (t) => {
  fc.assert(fc.property(fc.string(), (text) => parseAddress(text) !== undefined || addressBucket(text) === 'unknown'))
  for (const text of ['', 'unknown', '1.2.3.4:', '[::1', '::1:x', '1.2.3.4, 5.6.7.8', '999.1.1.1', '%']) {
    t.equal(addressBucket(text), 'unknown', text)
  }
  t.end()
})

t.test('an address is in a network if and only if their first bits are equal', (t) => {
  const number = (address: string) => address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n)
  fc.assert(
    fc.property(ipv4, ipv4, fc.integer({ min: 0, max: 32 }), (address, base, bits) => {
      const expected = number(address) >> BigInt(32 - bits) === number(base) >> BigInt(32 - bits)
      const network = [`${base}/${bits}`]
      return isInNetworks(address, network) === expected && isInNetworks(`::ffff:${address}`, network) === expected
    }),
  )
  t.equal(isInNetworks('2001:db8::1', ['2001:db8::/32']), true)
  t.equal(isInNetworks('2001:db9::1', ['2001:db8::/32']), false)
  t.equal(isInNetworks('1.2.3.4', ['::/0']), false, 'a network of the other address family')
  t.equal(isInNetworks('2001:db8::1', ['0.0.0.0/0']), false)
  t.equal(isInNetworks('1.2.3.4', []), false, 'an empty list')
  t.equal(isInNetworks('rubbish', ['0.0.0.0/0', '::/0']), false)
  t.end()
})
