import { remembering } from '../../../src/kernel/credentials/verified-tokens.js'
import { t } from '../../helpers/t.js'

const KEPT = 5_000

// Attack: a token that differs in one character from one that is known to be good.
t.test('what was found good is not verified again; what differs by a character, or was bad, is', async (t) => {
  const asked: string[] = []
  const verify = remembering((token: string) => {
    asked.push(token)
    return token.startsWith('good') ? { token } : undefined
  })
  for (const token of ['good', 'good', 'good ', 'bad', 'bad']) verify(token)
  t.same(asked, ['good', 'good ', 'bad', 'bad'])
  t.same(verify('good'), { token: 'good' })
})

// Attack: tokens without end, to use up the memory; whoever logs in again and again has them.
t.test('so many are kept and no more: the oldest is forgotten, and verified again', async (t) => {
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
