import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { fieldsIn, headingOf, openPageOf, submit } from '../../helpers/pages.js'
import { ask, askRaw } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld, PASSWORD } from '../../helpers/world.js'
import { emptyQueue } from '../../kernel/mail/mailing.js'
import { readMails } from '../../kernel/mail/read-mails.js'

const HOUR_MS = 3_600_000
const CHOSEN = 'copper-violin-harbour-93'
const WRONG = 'quartz-lantern-meadow-48'
const EVIL = `<img src=x onerror="alert('1')">&amp;`
const DATA_DIR = t.testdir()
const gateway = await startGateway({ env: { DATA_DIR } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme } = world

let invited = 0
const newEmail = () => `new${++invited}@people.example`
/** Invites an address over the API and reads the mail. @returns the path of the link in the mail */
async function mailed(email = newEmail(), roles = ['Agent', 'Analyst']) {
  const headers = await world.bearer('owner')
  const answer = await ask(gateway, `/v1/tenants/${acme.id}/invitations`, { headers, body: { email, roles } })
  if (answer.status !== 201) throw new Error(answer.text)
  const mail = await until('the mail is written', async () =>
    (await readMails(DATA_DIR)).filter(({ to }) => to === email).at(-1),
  )
  const [, origin, path] = /^ {2}(http:\/\/[^/]*)(\/\S+)$/m.exec(mail.text) ?? []
  return { email, mail, id: answer.body.id as string, origin, path: String(path) }
}
const userOf = async (email: string) => (await gateway.sql(`select * from users where email = '${email}'`))[0]
const rolesOf = async (email: string) => {
  const rows = await gateway.sql(`select r.name from membership_roles mr join users u on u.id = mr.user_id
    join roles r on r.tenant_id = mr.tenant_id and r.id = mr.role_id
    where u.email = '${email}' and mr.tenant_id = '${acme.id}' order by r.name`)
  return rows.map(({ name }) => name)
}

t.test('200 a person who was never here joins with the link of the mail and a form, without a script', async (t) => {
  t.equal(gateway.config.allow_registration, false)
  const { email, mail, origin, path } = await mailed()
  t.equal(origin, gateway.config.public_url)
  t.match(path, /^\/invitations\/ght_[\w-]{43}$/)
  t.ok(mail.html.includes(`<a href="${origin}${path}"`), 'the link of the other part')
  const opened = await openPageOf(gateway, path)
  t.equal(opened.status, 200)
  t.equal(headingOf(opened), 'You are invited to Acme ACMEMARK')
  for (const shown of ['The owner', '<dd>Agent</dd><dd>Analyst</dd>', email]) t.ok(opened.text.includes(shown), shown)
  t.same(fieldsIn(opened), ['name', 'password'])
  const joined = await submit(gateway, path, { name: 'Nora New', password: CHOSEN })
  t.equal(joined.status, 200, joined.text)
  t.equal(headingOf(joined), 'Welcome to Acme ACMEMARK')
  t.same(await rolesOf(email), ['Agent', 'Analyst'])
  t.match(await userOf(email), { name: 'Nora New', email_verified_at: /./ })
  t.equal((await ask(gateway, '/v1/auth/login', { body: { email, password: CHOSEN } })).status, 200)
  const again = await submit(gateway, path, { name: 'Nora New', password: CHOSEN })
  t.same([again.status, headingOf(again)], [409, 'This invitation is closed'])
})

// Attack: a leaked link of an existing user, with a guessed password or with a new one.
t.test('200 an existing user accepts with their password; 401 409 the link alone is not enough', async (t) => {
  const user = await makeUser(gateway, world)
  const before = await userOf(user.email)
  const { path } = await mailed(user.email)
  const opened = await openPageOf(gateway, path)
  t.same(fieldsIn(opened), ['password'], 'no field for a new password')
  t.match(opened.text, 'autocomplete="current-password"')
  const wrong = await submit(gateway, path, { password: WRONG })
  t.equal(wrong.status, 401)
  t.ok(wrong.headers.has('www-authenticate'))
  t.match(wrong.text, /role="alert".*<a href="#password">This is not the password of this user\.<\/a>/)
  const replaced = await submit(gateway, path, { name: 'Attacker', password: CHOSEN })
  t.equal(replaced.status, 409)
  t.match(replaced.text, 'A user has this address. Enter its password.')
  t.same(fieldsIn(replaced), ['password'])
  await gateway.sql(`update users set disabled_at = now() where id = '${user.id}'`)
  t.equal((await submit(gateway, path, { password: PASSWORD })).status, 401, 'a disabled user')
  await gateway.sql(`update users set disabled_at = null where id = '${user.id}'`)
  t.same(await rolesOf(user.email), [])
  t.same(await userOf(user.email), before)
  const accepted = await submit(gateway, path, { password: PASSWORD })
  t.same([accepted.status, headingOf(accepted)], [200, 'Welcome to Acme ACMEMARK'], accepted.text)
  t.same(await rolesOf(user.email), ['Agent', 'Analyst'])
  t.equal((await userOf(user.email))?.password_hash, before?.password_hash)
  t.same(await gateway.sql(`select from sessions where user_id = '${user.id}'`), [], 'a page holds no session')
})

// Attack: names with markup, which a tenant, an inviter, a role and the person themselves choose.
t.test('markup in the names of tenant, inviter and role, and in the form, is text', async (t) => {
  await gateway.sql(`update tenants set name = $n$${EVIL}$n$ where id = '${acme.id}'`)
  await gateway.sql(`update users set name = $n$${EVIL}$n$ where id = '${world.ids.owner}'`)
  await gateway.sql(`insert into roles (tenant_id, id, name, created_at)
    values ('${acme.id}', gen_random_uuid(), $n$${EVIL}$n$, now())`)
  const { path, mail } = await mailed(newEmail(), [EVIL])
  const opened = await openPageOf(gateway, path)
  const refused = await submit(gateway, path, { name: EVIL, password: 'short' })
  t.same([opened.status, refused.status], [200, 400])
  const joined = await submit(gateway, path, { name: EVIL, password: CHOSEN })
  t.equal(joined.status, 200)
  const escaped = '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;'
  t.equal(opened.text.split(escaped).length - 1, 4, 'title, heading, inviter and role')
  t.ok(refused.text.includes(`value="${escaped}"`), 'the name that the person typed')
  t.ok(joined.text.includes(escaped))
  t.ok(mail.html.includes(escaped))
  for (const text of [opened.text, refused.text, joined.text, mail.html]) t.notOk(text.includes('<img'))
  await gateway.sql(`update tenants set name = 'Acme ACMEMARK' where id = '${acme.id}'`)
  await gateway.sql(`update users set name = 'The owner' where id = '${world.ids.owner}'`)
})

// Attack: a mail scanner, a proxy or a preview opens each link of a mail, also several times.
t.test('200 GET and HEAD change nothing, however often', async (t) => {
  const { email, path, id } = await mailed()
  await emptyQueue(gateway)
  const before = await gateway.sql(`select * from invitations where id = '${id}'`)
  const events = () => gateway.sql(`select from audit_events where target_id = '${id}'`)
  const count = (await events()).length
  for (let look = 0; look < 5; look += 1) {
    t.equal((await openPageOf(gateway, path)).status, 200)
    t.equal((await ask(gateway, path, { method: 'HEAD' })).status, 200)
  }
  t.same(await gateway.sql(`select * from invitations where id = '${id}'`), before)
  t.equal((await events()).length, count)
  t.equal(await userOf(email), undefined)
  t.equal((await submit(gateway, path, { name: 'Nora', password: CHOSEN })).status, 200)
})

t.test('404 409 a wrong, revoked or expired link gets a page that says what to do', async (t) => {
  const { path, id } = await mailed()
  for (const wrong of [`/invitations/ght_${'A'.repeat(43)}`, path.slice(0, -1), `${path}A`, '/invitations/x']) {
    for (const answer of [
      await openPageOf(gateway, wrong),
      await submit(gateway, wrong, { name: 'Nora', password: CHOSEN }),
    ]) {
      t.same([answer.status, headingOf(answer)], [404, 'This link does not work'], wrong)
      t.match(answer.text, 'ask the person who invited you to send it again')
    }
  }
  gateway.clock.advance(72 * HOUR_MS)
  const late = await openPageOf(gateway, path)
  t.same([late.status, headingOf(late)], [409, 'This invitation is closed'])
  t.match(late.text, 'ask the person who invited you for a new invitation')
  gateway.clock.advance(-72 * HOUR_MS)
  await acme.store.write('invitation.revoked', (store) => store.invitations.revoke(id))
  const revoked = await submit(gateway, path, { name: 'Nora', password: CHOSEN })
  t.same([revoked.status, headingOf(revoked)], [409, 'This invitation is closed'])
  const program = await ask(gateway, path)
  t.match(program, { status: 409, body: { code: 'invitation_closed' } }, 'a program receives the problem')
})

// Attack: frames the page, leaks its URL with the token, or sends its form from another site.
t.test(
  '403 the form of another site is refused, and the page is neither framed, stored nor named as Referer',
  async (t) => {
    const { email, path } = await mailed()
    const form = { name: 'Nora', password: CHOSEN }
    const foreign: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', origin: gateway.config.public_url },
    ]
    for (const headers of foreign) {
      const refused = await submit(gateway, path, form, headers)
      t.same([refused.status, headingOf(refused)], [403, 'This form came from another site'], JSON.stringify(headers))
    }
    const lines = ['content-type', 'application/x-www-form-urlencoded', 'origin', 'https://evil.example']
    const body = new URLSearchParams(form).toString()
    t.match(await askRaw(gateway, path, { method: 'POST', lines, body }), {
      status: 403,
      body: { code: 'cross_site_request' },
    })
    t.equal(await userOf(email), undefined)
    for (const answer of [await openPageOf(gateway, path), await submit(gateway, path, { name: '', password: '' })]) {
      t.match(Object.fromEntries(answer.headers), {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'content-security-policy':
          /^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self'; .*frame-ancestors 'none'$/,
      })
      t.notOk(answer.headers.has('set-cookie'))
    }
  },
)

t.test('400 415 a page takes its form only, and the API takes JSON only', async (t) => {
  const { email, path } = await mailed()
  const token = path.split('/').at(-1)
  const json = await ask(gateway, path, { body: { name: 'Nora', password: CHOSEN } })
  t.match(json, { status: 415, body: { detail: /application\/x-www-form-urlencoded/ } }, 'JSON for a page')
  const form = { name: 'Nora', password: CHOSEN }
  t.match(await ask(gateway, `/v1/invitations/${token}/join`, { form }), {
    status: 415,
    body: { code: 'unsupported_media_type' },
  })
  const type = ['content-type', 'application/x-www-form-urlencoded']
  const raw = (body: string, lines: string[] = []) =>
    askRaw(gateway, path, { method: 'POST', lines: [...type, ...lines], body })
  t.match(await raw(`password=${CHOSEN}&password=${WRONG}`), {
    status: 400,
    body: { errors: [{ pointer: '/password' }] },
  })
  t.match(await raw(`name=Nora&password=${CHOSEN}&role=Owner`), {
    status: 400,
    body: { errors: [{ pointer: '/role' }] },
  })
  t.match(await raw('name=%ff'), { status: 400, body: { code: 'malformed_request' } })
  t.match(await raw(`name=${'x'.repeat(9_000)}`), { status: 413, body: { code: 'body_too_large' } })
  t.match(await raw(`password=${CHOSEN}`, ['content-encoding', 'gzip']), { status: 415 })
  t.match(await ask(gateway, `${path}?name=Nora`), { status: 400, body: { errors: [{ pointer: '/name' }] } })
  t.match(await ask(gateway, path, { method: 'PUT', body: {} }), { status: 405 })
  t.equal(await userOf(email), undefined)
})

t.test('400 each mistake is named in words, at its field, and the typed name stays', async (t) => {
  const { path } = await mailed()
  const weak = await submit(gateway, path, { name: 'Nora "N" New', password: 'short' })
  t.equal(weak.status, 400)
  t.match(weak.text, '<a href="#password">Password must have 15 to 128 characters.</a>')
  t.match(weak.text, /<input id="password"[^>]* aria-describedby="password-hint password-mistake" aria-invalid="true">/)
  t.match(weak.text, 'id="password-mistake">Password must have 15 to 128 characters.</p>')
  t.match(weak.text, 'value="Nora &quot;N&quot; New"')
  t.notOk(weak.text.includes('short'), 'the password is not in the page')
  const empty = await submit(gateway, path, { name: '', password: CHOSEN })
  t.same([empty.status, /<a href="#name">(.*?)<\/a>/.exec(empty.text)?.[1]], [400, 'Fill in: Your name.'])
  const nameless = await submit(gateway, path, { password: CHOSEN })
  t.same([nameless.status, /<a href="#name">(.*?)<\/a>/.exec(nameless.text)?.[1]], [400, 'Fill in: Your name.'])
  for (const { text } of [weak, empty]) {
    for (const [, id] of text.matchAll(/<input id="([^"]+)"/g))
      t.ok(text.includes(`<label for="${id}">`), `${id} has a label`)
    t.equal(text.match(/<h1>/g)?.length, 1)
    t.match(text, /autocomplete="username".*autocomplete="name".*autocomplete="new-password"/s)
  }
})

// Attack: guesses the password of an existing user with a leaked link, past the budgets of the login.
t.test('429 the page has the budgets of a login, and says how long to wait', async (t) => {
  const env = { BUDGET_LOGIN_ADDRESS: '3/60', BUDGET_REFUSED: '2/60', DATA_DIR: t.testdir() }
  const local = await startGateway({ env, on: gateway.test_database })
  t.teardown(() => local.close())
  const user = await makeUser(gateway, world)
  const { path } = await mailed(user.email)
  const statuses: number[] = []
  for (let tries = 0; tries < 4; tries += 1) statuses.push((await submit(local, path, { password: WRONG })).status)
  t.same(statuses, [401, 401, 401, 429])
  const limited = await submit(local, path, { password: PASSWORD })
  t.same([limited.status, headingOf(limited)], [429, 'Too many attempts'])
  t.match(limited.text, `Wait ${limited.headers.get('retry-after')} seconds.`)
  const login = await ask(local, '/v1/auth/login', { body: { email: user.email, password: PASSWORD } })
  t.equal(login.status, 429, 'the same budget as the API')
  const guesses: number[] = []
  for (let tries = 0; tries < 3; tries += 1)
    guesses.push((await openPageOf(local, `/invitations/ght_${'C'.repeat(42)}${tries}`)).status)
  t.same(guesses, [404, 404, 429])
})

// Attack: reads the log to use a link.
t.test('no token of a page is in the log or in the audit', async (t) => {
  const { path } = await mailed()
  const token = String(path.split('/').at(-1))
  await openPageOf(gateway, path)
  await submit(gateway, path, { name: 'x', password: 'short' })
  await submit(gateway, path, { name: 'x', password: CHOSEN }, { 'sec-fetch-site': 'cross-site' })
  await openPageOf(gateway, `${path}?${token}=1`)
  await until('the log has the requests', () =>
    gateway.lines.some((line) => line.includes('"route":"/invitations/:token"') && line.includes('"status":403')),
  )
  for (const text of [gateway.lines.join('\n'), JSON.stringify(await gateway.sql('select * from audit_events'))]) {
    t.ok(text.length > 1_000)
    t.notMatch(text, /ght_[\w-]{8}/)
    t.notOk(text.includes(CHOSEN))
  }
})
