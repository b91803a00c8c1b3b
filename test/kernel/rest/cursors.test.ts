import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { CREDENTIAL_IN_URL } from '../../../src/app/pipeline/steps/check-request.js'
import { openCursors } from '../../../src/kernel/rest/cursors.js'
import { randomSeed } from '../../helpers/random.js'
import { t } from '../../helpers/t.js'

const key = randomBytes(32)
const { seal, open } = openCursors([key])

t.test('a cursor returns its position, in its list alone', (t) => {
  const position = fc.stringMatching(/^[0-9a-zA-Z.-]{1,60}$/)
  fc.assert(
    fc.property(fc.string(), fc.string(), position, (list, other, at) => {
      const cursor = seal(list, at)
      return open(list, cursor) === at && (other === list || open(other, cursor) === undefined)
    }),
    { seed: randomSeed(t) },
  )
  t.end()
})

// Attack: the client changes a bit of a cursor, to continue a list where no page ended.
t.test('no other text opens: changed, cut or extended, of another key, or spelled in another way', (t) => {
  const cursor = seal('list', '019a0000-0000-7000-8000-000000000000')
  const bytes = Buffer.from(cursor.slice(1), 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    t.equal(open('list', `c${changed.toString('base64url')}`), undefined, `bit ${bit}`)
  }
  for (let length = 0; length < cursor.length; length += 1) t.equal(open('list', cursor.slice(0, length)), undefined)
  for (const text of [
    `${cursor}A`,
    `${cursor}=`,
    `${cursor} `,
    `${cursor}.`,
    cursor.replace('A', '+A'),
    cursor.slice(1),
    '',
  ]) {
    t.equal(open('list', text), undefined, text)
  }
  t.equal(openCursors([randomBytes(32)]).open('list', cursor), undefined, 'another key')
  t.end()
})

// The gateway refuses a URL with a credential. A cursor is mostly random, so a page in many thousands had a next page that
// nobody could read.
t.test('a cursor and the token of a link never look like a credential in the URL', (t) => {
  let found = 0
  for (let number = 0; found < 3; number += 1) {
    const cursor = seal('list', String(number))
    if (!/gh[kr]_[\w-]{8}/i.test(cursor)) continue
    found += 1
    t.notMatch(`/v1/customers?limit=1&cursor=${cursor}`, CREDENTIAL_IN_URL)
    t.notMatch(`/v1/invitations/ght_${cursor}/accept`, CREDENTIAL_IN_URL)
  }
  for (const url of ['/v1/me?x=ghk_0123456789', '/ghr_0123456789/x', '/v1/me?x=%20ghk_0123456789']) {
    t.match(url, CREDENTIAL_IN_URL)
  }
  t.end()
})

t.test('after a rotation of the signing keys, cursors of the previous key still open', (t) => {
  const rotated = openCursors([randomBytes(32), key])
  t.equal(rotated.open('list', seal('list', '7')), '7')
  t.equal(open('list', rotated.seal('list', '7')), undefined)
  t.end()
})
