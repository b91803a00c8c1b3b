import { remembering } from '../../../src/kernel/credentials/verified-tokens.js'
import { t } from '../../helpers/t.js'

const KEPT = 5_000

// Attack: the client sends a token that differs in one character from a cached one.
t.test('a valid token is verified once, and an invalid or different token is verified each time', async (t) => {
  const asked: string[] = []
  const verify = remembering((token: string) => {
    asked.push(token)
    return token.startsWith('good') ? { token } : undefined
  })
  for (const token of ['good', 'good', 'good ', 'bad', 'bad']) verify(token)
  t.same(asked, ['good', 'good ', 'bad', 'bad'])
  t.same(verify('good'), { token: 'good' })
})

// Attack: a user logs in again and again, and sends all the tokens to fill the memory.
t.test('the cache keeps 5,000 tokens, removes the oldest one, and verifies it again', async (t) => {
  let asked = 0
  const verify = remembering((token: string) => {
    asked += 1
    return { token }
  })
  for (let number = 0; number <= KEPT; number += 1) verify(String(number))
  asked = 0
  verify(String(KEPT))
  verify('1')
  t.equal(asked, 0)
  verify('0')
  t.equal(asked, 1)
})
