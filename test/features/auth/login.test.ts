import argon2 from 'argon2'
import { normaliseEmail } from '../../../src/kernel/credentials/email.js'
import { openPasswords } from '../../../src/kernel/credentials/passwords.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'

const WRONG = 'quartz-lantern-meadow-48'
const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
await gateway.sql(`update users set disabled_at = now() where id = '${world.ids.stranger}'`)

const login = (email: unknown, password: unknown) => ask(gateway, '/v1/auth/login', { body: { email, password } })

t.test('200 a login returns the token pair and the user', async (t) => {
  const answer = await login(emailOf('agent'), PASSWORD)
  t.equal(answer.status, 200)
  t.strictSame(Object.keys(answer.body).sort(), ['access', 'expires_in', 'refresh', 'token_type', 'user'])
  t.match(answer.body, { token_type: 'Bearer', expires_in: 3600, access: /^eyJ/, refresh: /^ghr_[\w-]{43}$/ })
  t.strictSame(answer.body.user, {
    id: world.ids.agent,
    email: emailOf('agent'),
    name: 'The agent',
    is_operator: false,
  })
  t.match(answer.headers.get('cache-control'), 'no-store')
  t.equal(answer.headers.get('set-cookie'), null, 'the gateway sets no cookie')
  t.equal((await login(emailOf('operator'), PASSWORD)).body.user.is_operator, true)
})

// Attack: finds out which addresses have a user, from a difference in code, text, headers or length.
t.test('401 an unknown user, a wrong password and a disabled user get the same response, byte for byte', async (t) => {
  const tries = {
    unknown: ['nobody@people.example', PASSWORD],
    'unknown and odd': ["x' or 1=1 --", PASSWORD],
    wrong: [emailOf('agent'), WRONG],
    disabled: [emailOf('stranger'), PASSWORD],
    'disabled and wrong': [emailOf('stranger'), WRONG],
    'the hash instead of the password': [emailOf('agent'), '$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA'],
    'password with a space': [emailOf('agent'), `${PASSWORD} `],
    'password in another case': [emailOf('agent'), PASSWORD.toUpperCase()],
    'password cut short': [emailOf('agent'), PASSWORD.slice(0, -1)],
    'password and more of it': [emailOf('agent'), PASSWORD + 'x'.repeat(100)],
  }
  const seen = new Set<string>()
  for (const [name, [email, password]] of Object.entries(tries)) {
    const answer = await login(email, password)
    t.match(answer, { status: 401, body: { code: 'invalid_credentials' } }, name)
    t.ok(answer.headers.get('www-authenticate'), 'RFC 9110 section 15.5.2')
    const fixed = [...answer.headers].filter(([header]) => !['date', 'x-request-id', 'ratelimit'].includes(header))
    seen.add(JSON.stringify([answer.text.replace(answer.body.request_id, ''), fixed]))
  }
  t.equal(seen.size, 1)
})

t.test('200 an email address is the same in any case, with outer spaces and in any Unicode form', async (t) => {
  const { platform } = world
  const password_hash = await (await openPasswords()).hash(PASSWORD)
  const email = normaliseEmail('ren\u00e9@people.example')
  await platform.write('user.created', (store) =>
    store.users.create({ email, name: 'René', password_hash, is_verified: true }),
  )
  for (const typed of ['ren\u00e9@people.example', 'rene\u0301@people.example', ' REN\u00c9@People.Example\t']) {
    t.equal((await login(typed, PASSWORD)).status, 200, JSON.stringify(typed))
  }
  for (const typed of [emailOf('agent').toUpperCase(), `  ${emailOf('agent')}  `]) {
    t.equal((await login(typed, PASSWORD)).status, 200, typed)
  }
  t.equal((await login('rene@people.example', PASSWORD)).status, 401, 'another letter makes another address')
  const odd = ['\u0130\u0323@x', 'A\u030a\u212b@x', '\u1e9e@x', ' \ufeffX@Y \u00a0', '\u03a3\u03a3@x']
  for (const each of odd) t.equal(normaliseEmail(normaliseEmail(each)), normaliseEmail(each), 'idempotent')
})

// A Mac and Windows send one password as two sequences of code points (NIST SP 800-63B section 5.1.1.2).
t.test('a password is the same in any Unicode composition, and no other text matches it', async (t) => {
  const passwords = await openPasswords()
  const hash = await passwords.hash('caf\u00e9-lantern-meadow-47')
  t.ok(await passwords.verify('cafe\u0301-lantern-meadow-47', hash))
  t.notOk(await passwords.verify('cafe-lantern-meadow-47', hash))
  t.notOk(await passwords.verify('\uff43af\u00e9-lantern-meadow-47', hash), 'full-width characters stay different')
  const long = `${'a'.repeat(100)}x`
  const of_long = await passwords.hash(long)
  t.notOk(await passwords.verify(`${'a'.repeat(100)}y`, of_long), 'bcrypt would ignore bytes after the 72nd')
  t.notOk(await passwords.verify('', of_long))
  t.notOk(await passwords.verify(long, undefined), 'a user without a password hash')
})

t.test('a stored password is a salted argon2id hash with at least the parameters of OWASP', async (t) => {
  const rows = await gateway.sql('select password_hash from users')
  t.ok(rows.length > 0)
  for (const { password_hash } of rows) {
    const parts = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(String(password_hash))
    t.ok(Number(parts?.[1]) >= 19_456 && Number(parts?.[2]) >= 2 && Number(parts?.[3]) >= 1, String(parts?.[0]))
    t.ok(Buffer.from(parts?.[4] ?? '', 'base64').length >= 16, 'salt of 128 bits')
    t.ok(Buffer.from(parts?.[5] ?? '', 'base64').length >= 32, 'hash of 256 bits')
  }
  t.ok(await argon2.verify(String(rows[0]?.password_hash), PASSWORD), 'verified by the argon2 library')
  const passwords = await openPasswords()
  t.not(await passwords.hash(PASSWORD), await passwords.hash(PASSWORD))
})

t.test('400 an invalid email or password is refused before any hashing', async (t) => {
  const wrong: [unknown, string][] = [
    [{ email: emailOf('agent') }, '/password'],
    [{ password: PASSWORD }, '/email'],
    [{ email: emailOf('agent'), password: 7 }, '/password'],
    [{ email: { $ne: null }, password: PASSWORD }, '/email'],
    [{ email: [emailOf('agent')], password: PASSWORD }, '/email'],
    [{ email: emailOf('agent'), password: '' }, '/password'],
    [{ email: emailOf('agent'), password: 'x'.repeat(513) }, '/password'],
    [{ email: 'x'.repeat(255), password: PASSWORD }, '/email'],
    [{ email: emailOf('agent'), password: PASSWORD, is_operator: true }, '/is_operator'],
  ]
  for (const [body, pointer] of wrong) {
    const answer = await ask(gateway, '/v1/auth/login', { body })
    t.match(answer, { status: 400, body: { code: 'validation_failed', errors: [{ pointer }] } }, pointer)
  }
  t.match(await login(emailOf('agent'), 'a\u0000b'), { status: 400, body: { errors: [{ pointer: '/password' }] } })
})

t.test('no password, right or wrong, is in the log, the audit log or a response', async (t) => {
  await login(emailOf('agent'), 'wrong-PLANTED-password-1')
  await ask(gateway, '/v1/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' } })
  const { text } = await login(7, 'wrong-PLANTED-password-2')
  const audit = JSON.stringify(await gateway.sql('select * from audit_events'))
  const everything = gateway.lines.join('') + audit + text
  t.ok(everything.length > 1000)
  t.notMatch(everything, /PLANTED/)
  t.notOk(everything.includes(PASSWORD))
  t.notMatch(everything, /argon2/)
  t.notMatch(everything, /eyJ[\w-]{8}/)
  t.notMatch(everything, /ghr_[\w-]{8}/)
})
