import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'

const GOOD = 'velvet-harbour-otter-91'
const gateway = await startGateway({ env: { ALLOW_REGISTRATION: 'true' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)

let registered = 0
const fresh = () => `new${++registered}@people.example`
const register = (body: object, at: { url: string } = gateway) =>
  ask(at, '/v1/auth/register', { body: { email: fresh(), password: GOOD, name: 'Somebody New', ...body } })
const login = (email: string, password = GOOD) => ask(gateway, '/v1/auth/login', { body: { email, password } })
const userOf = async (email: string) => (await gateway.sql(`select * from users where email = '${email}'`))[0]
/**
 * Registers, and waits for the user. The gateway creates users in order after the response, so all earlier ones exist
 * too.
 */
const made = async (email: string, more: object = {}) => {
  const answer = await register({ email, ...more })
  await until('the user is created', () => userOf(email))
  return answer
}

t.test('403 registration is off by default', async (t) => {
  const closed = await startGateway({ on: gateway.test_database })
  t.teardown(() => closed.close())
  const email = fresh()
  t.match(await register({ email }, closed), { status: 403, body: { code: 'registration_disabled' } })
  t.equal(await userOf(email), undefined)
  t.equal((await register({ email: emailOf('owner') }, closed)).status, 403, 'a known address gets the same response')
})

// Attack: finds out which addresses have a user, from differences of the response.
t.test('202 a new and a known address get the same response, and the known user stays unchanged', async (t) => {
  const email = fresh()
  const before = await userOf(emailOf('owner'))
  const answers = [
    await register({ email }),
    await register({ email }),
    await register({ email: emailOf('owner'), name: 'Mallory' }),
    await register({ email: emailOf('owner').toUpperCase() }),
  ]
  const later = fresh()
  await made(later)
  const shape = ({ status, text, headers }: (typeof answers)[number]) =>
    JSON.stringify([
      status,
      text,
      [...headers].filter(([name]) => !['date', 'x-request-id', 'ratelimit'].includes(name)),
    ])
  t.equal(new Set(answers.map(shape)).size, 1)
  t.equal(answers[0]?.status, 202)
  t.strictSame(answers[0]?.body, { status: 'accepted' })
  t.strictSame(await userOf(emailOf('owner')), before)
  t.equal((await login(emailOf('owner'))).status, 401, 'the new password is not valid for the known user')
  t.equal((await login(emailOf('owner'), PASSWORD)).status, 200)
  const told = await gateway.sql("select target_id from audit_events where action = 'user.registered' order by seq")
  const expected = [(await userOf(email))?.id, (await userOf(later))?.id].map((target_id) => ({ target_id }))
  t.strictSame(told, expected, 'one event for each new user')
})

t.test('202 concurrent registrations of one address create one user', async (t) => {
  const email = fresh()
  const answers = await Promise.all(Array.from({ length: 8 }, () => register({ email })))
  t.strictSame(new Set(answers.map(({ status }) => status)), new Set([202]))
  await made(fresh())
  t.equal((await gateway.sql(`select id from users where email = '${email}'`)).length, 1)
})

// Attack: registers the address of another person, to be added to a tenant in their place.
t.test('409 a user with an unverified address can log in, but cannot be added to a tenant with it', async (t) => {
  const email = fresh()
  await made(email)
  const signed_in = await login(email)
  t.match(signed_in, { status: 200, body: { user: { email, is_operator: false } } })
  const me = await ask(gateway, '/v1/me', { headers: { authorization: `Bearer ${signed_in.body.access}` } })
  t.match(me.body, { email_verified_at: null, memberships: [] })
  const headers = await world.bearer('owner')
  const path = `/v1/tenants/${world.acme.id}/members`
  const body = { user_id: signed_in.body.user.id, roles: ['Agent'] }
  const added = await ask(gateway, path, { headers, body })
  t.match(added, { status: 409, body: { code: 'email_unverified' } })
  t.strictSame(await gateway.sql(`select from memberships where user_id = '${signed_in.body.user.id}'`), [])
  await gateway.sql(`update users set email_verified_at = now() where email = '${email}'`)
  t.equal((await ask(gateway, path, { headers, body })).status, 201)
})

t.test('400 a password that is common, or contains the name or email, is refused with a pointer', async (t) => {
  const email = 'bartholomew.featherstone@people.example'
  const name = 'Bartholomew Featherstone'
  const refused = [
    'passwordpassword',
    'password12345678',
    'qwertyuiopasdfghjkl',
    'aaaaaaaaaaaaaaaaaaaa',
    '123456789012345678',
    'abcabcabcabcabcabc',
    'iloveyouiloveyou',
    name,
    'bartholomewfeatherstone',
    'Featherstone1234',
    email,
  ]
  for (const password of refused) {
    const answer = await register({ email, name, password })
    t.match(answer, { status: 400, body: { code: 'validation_failed', errors: [{ pointer: '/password' }] } }, password)
    t.notOk(answer.text.includes(password), 'the problem does not contain the password')
  }
  t.equal(await userOf(email), undefined)
})

// NIST SP 800-63B: at least 15 characters, at least 64 accepted, no truncation, no composition rules. It counts
// characters, not bytes.
t.test('a password has 15 to 128 characters of any kind', async (t) => {
  const words = 'velvet harbour otter plinth quasar mitten dragonfly cobalt spindle ember '
  const emoji = ['🦊', '🌵', '🎻', '🧭', '🪁', '🫖', '🦉', '🍋', '🚲', '🧶', '🪵', '🐙', '🌶', '🥁', '🗿']
  const taken = {
    '15 characters': 'vk7 otter quasa',
    '128 characters': words.repeat(2).slice(0, 128),
    '15 emoji': emoji.join(''),
    'only lower case': 'velvetharbourotterplinth',
    'only spaces between words': 'velvet harbour otter plinth',
    'another script': 'бархатная гавань выдры',
  }
  for (const [what, password] of Object.entries(taken)) {
    const email = fresh()
    t.equal((await made(email, { password })).status, 202, what)
    t.equal((await login(email, password)).status, 200, what)
    t.equal((await login(email, [...password].slice(0, -1).join(''))).status, 401, `${what}, last one missing`)
  }
  const refused = {
    '14 characters': 'vk7 otter quas',
    '129 characters': words.repeat(2).slice(0, 129),
    '14 emoji, 28 code units': emoji.slice(1).join(''),
    '15 that compose to 14': `vk7 otter ques\u0301`.slice(0, 15),
    '512 characters': words.repeat(8).slice(0, 512),
  }
  for (const [what, password] of Object.entries(refused)) {
    const answer = await register({ password })
    t.match(answer, { status: 400, body: { errors: [{ pointer: '/password' }] } }, what)
  }
})

t.test('400 an invalid registration, or a field that a client cannot set', async (t) => {
  const wrong: [object, string][] = [
    [{ email: 'nobody' }, '/email'],
    [{ email: 'a@b@c.example' }, '/email'],
    [{ email: `${'x'.repeat(250)}@people.example` }, '/email'],
    [{ email: 'a@people.example\nBcc: b@people.example' }, '/email'],
    [{ name: '' }, '/name'],
    [{ name: 'a\u001bb' }, '/name'],
    [{ name: 'x'.repeat(201) }, '/name'],
    [{ email_verified_at: '2020-01-01T00:00:00Z' }, '/email_verified_at'],
    [{ is_verified: true }, '/is_verified'],
    [{ is_operator: true }, '/is_operator'],
    [{ id: world.ids.owner }, '/id'],
  ]
  for (const [body, pointer] of wrong) {
    t.match(await register(body), { status: 400, body: { errors: [{ pointer }] } }, JSON.stringify(body))
  }
})

// Each registration costs a password hash, so it counts in the login budget.
t.test('429 registrations count in the login budget of their client address', async (t) => {
  const tight = await startGateway({
    on: gateway.test_database,
    env: { ALLOW_REGISTRATION: 'true', BUDGET_LOGIN_ADDRESS: '2/60' },
  })
  t.teardown(() => tight.close())
  t.equal((await register({}, tight)).status, 202)
  t.equal((await register({ password: 'short' }, tight)).status, 400)
  const limited = await register({}, tight)
  t.match(limited, { status: 429, body: { violated_policies: ['login_address'] } })
  t.ok(Number(limited.headers.get('retry-after')) >= 1)
})
