import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { linkMail } from '../../helpers/link-mails.js'
import { fieldsIn, headingOf, openPageOf, submit } from '../../helpers/pages.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld, PASSWORD } from '../../helpers/world.js'
import { readMails } from '../../kernel/mail/read-mails.js'

const NEW = 'copper-violin-harbour-93'
const MINUTE_MS = 60_000
const APP_URL = 'https://app.example.com/account/'
const DATA_DIR = t.testdir()
const gateway = await startGateway({ env: { DATA_DIR, ALLOW_REGISTRATION: 'true' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)

const linkIn = (text: string) => /^ {2}(\S+)$/m.exec(text)?.[1] ?? ''
const mailTo = (folder: string, email: string) =>
  until('the mail is written', async () => (await readMails(folder)).filter(({ to }) => to === email).at(-1))
const pathIn = (text: string) => new URL(linkIn(text)).pathname
const login = (email: string, password: string) => ask(gateway, '/v1/auth/login', { body: { email, password } })
const issue = async (kind: 'password_resets' | 'email_verifications') => {
  const user = await makeUser(gateway, world)
  const mail = linkMail()
  const action = kind === 'password_resets' ? 'user.password_reset_sent' : 'user.email_verification_sent'
  await world.platform.write(action, (store) => store[kind].issue(user.id, mail))
  return { ...user, token: mail.token() }
}

t.test(
  '200 a user who lost the password requests a link, opens it, and sets a new one, without a script',
  async (t) => {
    const { email } = await makeUser(gateway, world)
    t.same(fieldsIn(await openPageOf(gateway, '/password-resets')), ['email'])
    const sent = await submit(gateway, '/password-resets', { email })
    t.same([sent.status, headingOf(sent)], [200, 'Look into your mailbox'])
    const path = pathIn((await mailTo(DATA_DIR, email)).text)
    t.match(path, /^\/password-resets\/ght_[\w-]{43}$/)
    const opened = await openPageOf(gateway, path)
    t.same(fieldsIn(opened), ['password'])
    t.match(opened.text, `value="${email}"`, 'the user name, for a password manager')
    const weak = await submit(gateway, path, { password: 'short' })
    t.same([weak.status, fieldsIn(weak)], [400, ['password']])
    t.match(weak.text, 'New password must have 15 to 128 characters.')
    const set = await submit(gateway, path, { password: NEW })
    t.same([set.status, headingOf(set)], [200, 'Your new password is set'], set.text)
    t.same([(await login(email, PASSWORD)).status, (await login(email, NEW)).status], [401, 200])
    for (const again of [await openPageOf(gateway, path), await submit(gateway, path, { password: NEW })]) {
      t.same([again.status, headingOf(again)], [404, 'This link does not work'])
      t.match(again.text, '<a href="/password-resets">Request a new link</a>')
    }
  },
)

// Attack: finds out with the page which addresses have users.
t.test('200 the page of a request is the same whether or not a user has the address', async (t) => {
  const { email } = await makeUser(gateway, world)
  const known = await submit(gateway, '/password-resets', { email })
  const unknown = await submit(gateway, '/password-resets', { email: 'nobody@people.example' })
  t.same([unknown.status, unknown.text], [known.status, known.text])
})

t.test('200 a registered person verifies the address with the button of the page, and not by opening it', async (t) => {
  const email = 'registered@people.example'
  t.equal((await ask(gateway, '/v1/auth/register', { body: { email, password: NEW, name: 'New' } })).status, 202)
  const path = pathIn((await mailTo(DATA_DIR, email)).text)
  t.match(path, /^\/verify\/ght_[\w-]{43}$/)
  const isVerified = async () =>
    (await gateway.sql(`select from users where email = '${email}' and email_verified_at is not null`)).length === 1
  // Attack: a mail scanner opens the link, and so verifies an address that its owner never saw.
  for (const _look of [1, 2, 3]) {
    const opened = await openPageOf(gateway, path)
    t.same([opened.status, fieldsIn(opened)], [200, []])
    t.match(opened.text, `<strong>New</strong> with the address <strong>${email}</strong>`)
    t.match(opened.text, 'only if that was you')
  }
  t.notOk(await isVerified())
  t.equal((await submit(gateway, path, {}, { 'sec-fetch-site': 'cross-site' })).status, 403)
  t.notOk(await isVerified())
  const done = await submit(gateway, path, {})
  t.same([done.status, headingOf(done)], [200, 'Your address is verified'], done.text)
  t.ok(await isVerified())
  const again = await submit(gateway, path, {})
  t.same([again.status, headingOf(again)], [404, 'This link does not work'])
  t.match(again.text, 'If you have verified your address, there is nothing left to do.')
})

t.test('404 a wrong, expired or foreign link gets the page of its kind, and changes nothing', async (t) => {
  const reset = await issue('password_resets')
  const verification = await issue('email_verifications')
  for (const path of [
    `/password-resets/${verification.token}`,
    `/verify/${reset.token}`,
    `/password-resets/ght_${'A'.repeat(43)}`,
    '/verify/x',
  ]) {
    t.same([(await openPageOf(gateway, path)).status, (await ask(gateway, path)).status], [404, 404], path)
  }
  gateway.clock.advance(30 * MINUTE_MS)
  const late = await openPageOf(gateway, `/password-resets/${reset.token}`)
  t.same([late.status, headingOf(late)], [404, 'This link does not work'])
  t.equal((await submit(gateway, `/password-resets/${reset.token}`, { password: NEW })).status, 404)
  gateway.clock.advance(-30 * MINUTE_MS)
  t.equal((await login(reset.email, PASSWORD)).status, 200)
})

// Attack: makes the gateway hash passwords, or send mails, through the pages and past the budgets of the API.
t.test('429 pages and API share their budgets', async (t) => {
  const local = await startGateway({ env: { BUDGET_LOGIN_ADDRESS: '2/60' }, on: gateway.test_database })
  t.teardown(() => local.close())
  const form = { email: 'nobody@people.example' }
  const statuses = [
    (await submit(local, '/password-resets', form)).status,
    (await ask(local, '/v1/auth/password-resets', { body: form })).status,
    (await submit(local, '/password-resets', form)).status,
    (await submit(local, '/verify/x', {})).status,
    (await ask(local, '/v1/auth/password-resets', { body: form })).status,
  ]
  t.same(statuses, [200, 202, 429, 429, 429])
})

t.test('with APP_URL the links of all mails lead to the same paths below it', async (t) => {
  const folder = t.testdir()
  const env = { DATA_DIR: folder, ALLOW_REGISTRATION: 'true', APP_URL }
  const local = await startGateway({ env, on: gateway.test_database })
  t.teardown(() => local.close())
  const { email } = await makeUser(gateway, world)
  t.equal((await ask(local, '/v1/auth/password-resets', { body: { email } })).status, 202)
  const body = { email: 'other@people.example', password: NEW, name: 'New' }
  t.equal((await ask(local, '/v1/auth/register', { body })).status, 202)
  const owner = await ask(local, '/v1/auth/login', { body: { email: 'owner@people.example', password: PASSWORD } })
  const headers = { authorization: `Bearer ${owner.body.access}` }
  const invitation = { email: 'guest@people.example', roles: [] }
  const path = `/v1/tenants/${world.acme.id}/invitations`
  t.equal((await ask(local, path, { headers, body: invitation })).status, 201)
  for (const [to, name] of [
    [email, 'password-resets'],
    [body.email, 'verify'],
    [invitation.email, 'invitations'],
  ] as const) {
    const mail = await mailTo(folder, to)
    const link = `https://app.example.com/account/${name}/${mail.token}`
    t.equal(linkIn(mail.text), link)
    t.ok(mail.html.includes(`<a href="${link}"`), name)
  }
})
