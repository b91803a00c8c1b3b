import { pino } from 'pino'
import { logOptions } from '../../../src/app/logging.js'
import { t } from '../../helpers/t.js'

const SECRET = 'a-Secret_of43characters-that-nobody-may-see0'
const CREDENTIALS: readonly (readonly [what: string, text: string])[] = [
  ['a tenant key', `ghk_0123456789ab_${SECRET}`],
  ['a refresh token', `ghr_${SECRET}`],
  ['a ticket for a stream', `ghs_${SECRET}`],
  ['a token of a mail', `ght_${SECRET}`],
  ['an access token', `eyJhbGciOiJFZERTQSJ9.${SECRET}.${SECRET}`],
  ['the password of a URL', `postgres://gatehouse:${SECRET}@db.example/gatehouse`],
]

// Attack: an attacker reads credentials in the log. An unforeseen path to the log is an error of a library that quotes its
// input.
t.test('the log redacts text in the format of a credential in messages, errors and values', async (t) => {
  for (const [what, text] of CREDENTIALS) {
    const lines: string[] = []
    const log = pino(logOptions('trace'), { write: (line: string) => void lines.push(line) })
    log.info(`a message with ${text} in it`)
    log.error({ err: new Error(`unexpected ${text}`) }, 'an error')
    log.warn({ detail: { deeply: [`?token=${text}`] } }, 'a value')
    t.equal(lines.length, 3)
    t.notMatch(lines.join(''), SECRET, what)
    t.match(lines.join(''), /\[redacted\]/)
  }
})
