import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'
import { readMails } from '../../kernel/mail/read-mails.js'

const MINUTE_MS = 60_000
const NEW = 'copper-violin-harbour-93'
const DATA_DIR = t.testdir()
const gateway = await startGateway({ env: { DATA_DIR, ALLOW_REGISTRATION: 'true' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)

const links: string[] = []
/** Runs a request that sends one mail, and reads the mail. */
const mailed = async (work: () => Promise<{ status: number; text: string }>) => {
  const before = (await readMails(DATA_DIR)).length
  const answer = await work()
  if (answer.status !== 202) throw new Error(answer.text)
  const mail = (await readMails(DATA_DIR, before + 1)).at(-1)
  if (mail === undefined) throw new Error('no mail was written')
  // If the clock moves before the sender has noted that the mail was sent, it sends the mail once more.
  await until('the sender is done', async () => (await gateway.sql('select from mails')).length === 0)
  links.push(mail.token)
  return mail
}
const login = (email: string, password: string) => ask(gateway, '/v1/auth/login', { body: { email, password } })
const bearerOf = async (email: string, password = PASSWORD) => {
  const { body } = await login(email, password)
  return { headers: { authorization: `Bearer ${body.access}` }, refresh: body.refresh as string }
}
const asked = (email: string) => ask(gateway, '/v1/auth/password-resets', { body: { email } })
const reset = (token: string, password: unknown) =>
  ask(gateway, `/v1/auth/password-resets/${token}`, { method: 'PUT', body: { password } })
const verify = (token: string) => ask(gateway, `/v1/auth/email-verifications/${token}`, { method: 'PUT' })
const me = (headers: Record<string, string>) => ask(gateway, '/v1/me', { headers })
const user = () => makeUser(gateway, world)
const dead = { status: 404, body: { code: 'not_found' } }

t.test('204 a link sets a new password once, and revokes every session', async (t) => {
  const { id, email } = await user()
  await gateway.sql(`update users set email_verified_at = null where id = '${id}'`)
  const sessions = [await bearerOf(email), await bearerOf(email)]
  const mail = await mailed(() => asked(` ${email.toUpperCase()} `))
  t.match(mail, { to: email, subject: 'Set a new password', token: /^ght_[\w-]{43}$/ })
  for (const { headers } of sessions) t.equal((await me(headers)).status, 200, 'requesting a link changes nothing')
  t.equal((await login(email, PASSWORD)).status, 200)
  t.equal((await reset(mail.token, NEW)).status, 204)
  for (const { headers, refresh } of sessions) {
    t.match(await me(headers), { status: 401, body: { code: 'invalid_token' } })
    t.equal((await ask(gateway, '/v1/auth/refresh', { body: { refresh } })).status, 401)
  }
  t.equal((await login(email, PASSWORD)).status, 401)
  const { headers } = await bearerOf(email, NEW)
  t.match((await me(headers)).body, { email_verified_at: /Z$/ }, 'a user who has the link controls the mailbox')
  t.match(await reset(mail.token, 'another-violin-harbour-17'), dead)
  t.equal((await login(email, NEW)).status, 200)
})

t.test('404 a link is invalid after 30 minutes and for a disabled user, and a newer link is not', async (t) => {
  const { id, email } = await user()
  const first = await mailed(() => asked(email))
  gateway.clock.advance(2 * MINUTE_MS)
  const second = await mailed(() => asked(email))
  gateway.clock.advance(28 * MINUTE_MS)
  t.match(await reset(first.token, NEW), dead)
  await gateway.sql(`update users set disabled_at = now() where id = '${id}'`)
  t.match(await reset(second.token, NEW), dead)
  const before = (await readMails(DATA_DIR)).length
  t.equal((await asked(email)).status, 202)
  // The gateway looks for users after its responses, one after another. So it has looked for the disabled one by now.
  const other = await user()
  await mailed(() => asked(other.email))
  await gateway.sql(`update users set disabled_at = null where id = '${id}'`)
  t.equal((await reset(second.token, NEW)).status, 204, 'not expired, and the user is enabled again')
  t.equal((await readMails(DATA_DIR)).length, before + 1, 'a disabled user gets no mail')
  const verification = await mailed(() => register(`other-${id}@people.example`))
  t.match(await reset(verification.token, NEW), dead, 'a verification link cannot reset a password')
  for (const token of ['x', `ght_${'A'.repeat(43)}`, `${second.token}=`]) t.match(await reset(token, NEW), dead, token)
})

// A rejected password must not use up the link: a user who mistypes would need a new mail.
t.test('400 a weak password does not use the link up', async (t) => {
  const { email } = await user()
  await gateway.sql(`update users set name = 'Bartholomew Featherstone' where email = '${email}'`)
  const { token } = await mailed(() => asked(email))
  for (const password of ['short', 'passwordpassword', 'bartholomewfeatherstone', email, 'x'.repeat(129)]) {
    t.match(await reset(token, password), { status: 400, body: { errors: [{ pointer: '/password' }] } }, password)
  }
  for (const password of [7, null, '', 'x'.repeat(513)]) t.equal((await reset(token, password)).status, 400)
  t.equal((await reset(token, NEW)).status, 204)
})

// Attack: finds out which addresses have a user, from differences of the response or of its time.
t.test('202 a known, an unknown and a disabled address get the same response in the same time', async (t) => {
  const { id, email: disabled } = await user()
  await gateway.sql(`update users set disabled_at = now() where id = '${id}'`)
  const kinds = { known: emailOf('agent'), unknown: 'nobody@people.example', disabled, odd: "x' or 1=1 --" }
  const times: Record<keyof typeof kinds, number[]> = { known: [], unknown: [], disabled: [], odd: [] }
  const answers = new Set<string>()
  let mails = (await readMails(DATA_DIR)).length
  const tryEach = async () => {
    for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
      const before = process.hrtime.bigint()
      const { status, text, headers } = await asked(kinds[kind])
      times[kind].push(Number(process.hrtime.bigint() - before))
      const fixed = [...headers].filter(([name]) => !['date', 'x-request-id', 'ratelimit'].includes(name))
      answers.add(JSON.stringify([status, text, fixed]))
      if (kind !== 'known') continue
      // The next measurement starts only after the mail is written. Otherwise it would include that work.
      await readMails(DATA_DIR, ++mails)
      await until('the queue is empty', async () => (await gateway.sql('select from mails')).length === 0)
      gateway.clock.advance(2 * MINUTE_MS)
      // Every measured request follows another request, and none follows a mail.
      await asked(kinds.odd)
    }
  }
  const median = (all: readonly number[]) => all.toSorted((a, b) => a - b)[all.length >> 1] as number
  let medians: readonly number[] = []
  let rounds = 0
  // A busy machine needs more rounds until the medians are close. Work for a known address only never gets close.
  const areClose = () => Math.max(...medians) / Math.min(...medians) < 2
  while (rounds < 40 || (!areClose() && rounds < 300)) {
    await tryEach()
    medians = [times.known, times.unknown, times.disabled].map(median)
    rounds += 1
  }
  gateway.clock.advance(-rounds * 2 * MINUTE_MS)
  t.equal(answers.size, 1, [...answers].join('\n'))
  t.comment(`medians in ms: ${medians.map((each) => (each / 1e6).toFixed(2)).join(', ')} after ${rounds} rounds`)
  t.ok(areClose(), 'below the time to create a link and its audit event')
})

const register = (email: string) =>
  ask(gateway, '/v1/auth/register', { body: { email, password: PASSWORD, name: 'Somebody New' } })

t.test('202 a registration gets a verification link, which is valid once and for 24 hours', async (t) => {
  const email = 'registered@people.example'
  const mail = await mailed(() => register(email))
  t.match(mail, { to: email, subject: 'Verify your email address' })
  const { headers } = await bearerOf(email)
  t.match((await me(headers)).body, { email_verified_at: null })
  t.match(
    await ask(gateway, `/v1/auth/email-verifications/${mail.token}`),
    { status: 405 },
    'a mail scanner that opens links',
  )
  t.match(await verify(`ght_${'A'.repeat(43)}`), dead)
  t.equal((await verify(mail.token)).status, 204)
  t.match((await me(headers)).body, { email_verified_at: /Z$/ })
  t.match(await verify(mail.token), dead, 'a link is valid once')
  const mails = (await readMails(DATA_DIR)).length
  t.equal((await register(email)).status, 202)
  t.equal((await register(emailOf('owner'))).status, 202)
  const late = await mailed(() => register('late@people.example'))
  t.equal((await readMails(DATA_DIR)).length, mails + 1, 'a known address gets no mail')
  gateway.clock.advance(2 * MINUTE_MS)
  const again = await mailed(async () => {
    const { headers: of_late } = await bearerOf('late@people.example')
    return ask(gateway, '/v1/me/email-verification', { method: 'POST', headers: of_late })
  })
  gateway.clock.advance(24 * 60 * MINUTE_MS + 1)
  t.match(await verify(again.token), dead)
  gateway.clock.advance(-24 * 60 * MINUTE_MS - 1)
  t.equal((await verify(again.token)).status, 204)
  t.match(await verify(late.token), dead, 'a used link ends the other links')
  const events = await gateway.sql(`select action from audit_events e join users u on u.id::text = e.target_id
    where u.email = 'late@people.example' and target_kind = 'user' order by seq`)
  t.strictSame(
    events.map(({ action }) => action),
    ['user.registered', 'user.email_verification_sent', 'user.email_verified'],
  )
})

// Attack: requests links for an address of another user, to fill the mailbox or the hashing queue.
t.test('429 requesting and using links counts in the login budget', async (t) => {
  const env = { DATA_DIR, BUDGET_LOGIN_ADDRESS: '2/60' }
  const tight = await startGateway({ on: gateway.test_database, env })
  t.teardown(() => tight.close())
  const limited = { status: 429, body: { violated_policies: ['login_address'] } }
  for (const status of [202, 202, 429]) {
    t.equal((await ask(tight, '/v1/auth/password-resets', { body: { email: 'x@people.example' } })).status, status)
  }
  const put = (path: string, body?: unknown) => ask(tight, path, { method: 'PUT', body })
  t.match(await put('/v1/auth/password-resets/x', { password: NEW }), limited)
  t.match(await put('/v1/auth/email-verifications/x'), limited)
  tight.clock.advance(MINUTE_MS + 1)
  const { body } = await ask(tight, '/v1/auth/login', { body: { email: emailOf('stranger'), password: PASSWORD } })
  const headers = { authorization: `Bearer ${body.access}` }
  const again = () => ask(tight, '/v1/me/email-verification', { method: 'POST', headers })
  t.match([(await again()).status, (await again()).status], [202, 429], 'a verified user gets no mail, and it counts')
})

// Attack: reads the log, the audit log or the database to take over a user.
t.test('no link and no password is in the log, in the audit log or in the database', async (t) => {
  t.ok(links.length > 6)
  for (const text of [
    gateway.lines.join('\n'),
    JSON.stringify(await gateway.sql('select * from audit_events')),
    JSON.stringify(await gateway.sql(`select *, encode(digest, 'escape') as escaped from one_time_tokens`)),
    JSON.stringify(await gateway.sql('select * from mailbox_counts')),
  ]) {
    t.ok(text.length > 100)
    t.notMatch(text, /ght_|argon2/)
    for (const secret of [...links.map((link) => link.slice(4)), NEW, PASSWORD]) t.notOk(text.includes(secret))
  }
})
