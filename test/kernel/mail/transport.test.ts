import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { v7 as uuidv7 } from 'uuid'
import type { Mail } from '../../../src/kernel/mail/mail.js'
import { invitationMail, passwordResetMail, verificationMail } from '../../../src/kernel/mail/templates.js'
import { openTransport, refusalOf } from '../../../src/kernel/mail/transport.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'
import { startMailServer } from './mail-server.js'
import { parse, readMails } from './read-mails.js'

const DATA_DIR = t.testdir()
const gateway = await startGateway({ env: { DATA_DIR } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)

const envelope = () => ({ id: uuidv7(), created_at: '2026-11-30T08:00:00.000Z' })
const { signal } = new AbortController()

// Attack: a tenant puts line breaks into its name or an address, to add headers, recipients or another mail.
t.test('a name or an address cannot add a header to a mail', async (t) => {
  const { taken, url } = await startMailServer(t)
  const transport = openTransport({ kind: 'smtp', url, from: 'a@b.example' })
  const names = [
    'Acme\r\nBcc: x@evil.example',
    'A\nSubject: other',
    'A\u2028B\u0085C',
    '=?UTF-8?Q?x?=',
    'Zoë 🦊'.repeat(30),
  ]
  const deliver = (mail: Mail) => transport.deliver(mail, envelope(), signal)
  for (const name of names)
    await deliver(invitationMail('to@people.example', name, `ght_${'x'.repeat(43)}`, 'http://g'))
  const receivers = [
    'a@people.example, b@evil.example',
    'a@people.example\r\nBcc: b@evil.example',
    'a <b@evil.example>',
  ]
  for (const to of receivers) await deliver(verificationMail(to, 'ght_x', 'http://g')).catch(() => undefined)
  t.ok(taken.length >= names.length)
  for (const { to, message } of taken) {
    t.equal(to.length, 1, 'one recipient')
    const { headers } = parse(message)
    const allowed = ['from', 'to', 'subject', 'message-id', 'date', 'mime-version', 'content-type']
    t.strictSame([...headers.map(([name]) => name)].sort(), [...allowed].sort(), 'each header once, and no other')
  }
  const letters = taken.filter(({ to }) => to[0] === 'to@people.example').map(({ message }) => parse(message))
  t.equal(letters.length, names.length)
  for (const { text } of letters) t.notMatch(text, /^(Bcc|Subject):/m, 'no line that looks like a header')
})

t.test('each try of a mail has the same Message-ID and date', async (t) => {
  const { taken, url } = await startMailServer(t)
  const transport = openTransport({ kind: 'smtp', url, from: 'Gate <gate@keys.example>' })
  const of_one = envelope()
  const mail = { to: 'twice@people.example', subject: 'x', text: 'x' }
  for (const _try of [1, 2]) await transport.deliver(mail, of_one, signal)
  for (const { message } of taken) {
    const headers = Object.fromEntries(parse(message).headers)
    t.equal(headers['message-id'], `<${of_one.id}@keys.example>`)
    t.equal(Date.parse(String(headers.date)), Date.parse(of_one.created_at))
  }
  t.equal(taken.length, 2)
})

// A refusal ends the mail. A failure of the server, or of the login that the operator configured, must not.
t.test('only a 5xx reply to the commands of a mail is a refusal', async (t) => {
  const smtp = (fields: object) => Object.assign(new Error('x'), fields)
  for (const [command, responseCode, expected] of [
    ['RCPT TO', 550, 'address_refused'],
    ['MAIL FROM', 550, 'mail_refused'],
    ['DATA', 554, 'mail_refused'],
    ['RCPT TO', 451, undefined],
    ['DATA', 421, undefined],
    ['AUTH PLAIN', 535, undefined],
    ['EHLO', 502, undefined],
    ['CONN', 554, undefined],
    ['CONN', undefined, undefined],
  ] as const) {
    t.equal(refusalOf(smtp({ command, responseCode })), expected, `${command} ${responseCode}`)
  }
  t.equal(refusalOf(smtp({ code: 'EENVELOPE', command: 'API' })), 'address_refused', 'an address without an envelope')
  const { url } = await startMailServer(t, { answer: (address) => (address.startsWith('no') ? 550 : 451) })
  const transport = openTransport({ kind: 'smtp', url, from: 'a@b.example' })
  const failure = async (to: string, at = transport) => {
    const result = await at.deliver({ to, subject: 'x', text: 'x' }, envelope(), signal).catch((error: Error) => error)
    t.type(result, Error)
    return refusalOf(result)
  }
  t.equal(await failure('no@people.example'), 'address_refused')
  t.equal(await failure('later@people.example'), undefined)
  const wrong_login = openTransport({ kind: 'smtp', url: url.replace('PLANTED', 'x'), from: 'a@b.example' })
  t.equal(await failure('later@people.example', wrong_login), undefined)
})

t.test('201 a tenant with any allowed name sends one mail for an invitation', async (t) => {
  const headers = await world.bearer('owner')
  const settings = `/v1/tenants/${world.acme.id}`
  const name = 'Zoë & "Söhne" <b@evil.example>, 🦊'
  t.equal((await ask(gateway, settings, { method: 'PATCH', headers, body: { name } })).status, 200)
  for (const refused of ['A\r\nBcc: x@evil.example', 'A\nB', 'A\tB', 'A\u0000B']) {
    t.equal((await ask(gateway, settings, { method: 'PATCH', headers, body: { name: refused } })).status, 400)
  }
  for (const email of [
    'a@b.example,c@d.example',
    'a@b.example\nBcc: c@d.example',
    '"a b"@c.example',
    'A <a@b.example>',
  ]) {
    const answer = await ask(gateway, `${settings}/invitations`, { headers, body: { email, roles: [] } })
    t.match(answer, { status: 400, body: { errors: [{ pointer: '/email' }] } }, email)
  }
  const body = { email: 'one@people.example', roles: ['Agent'] }
  t.equal((await ask(gateway, `${settings}/invitations`, { headers, body })).status, 201)
  const [mail, ...others] = await readMails(DATA_DIR, 1)
  t.strictSame(others, [])
  t.match(mail, { to: 'one@people.example', subject: /^=\?UTF-8\?/ })
  t.ok(mail?.text.includes(`You are invited to join ${name}.`))
  const line = gateway.lines.find((each) => each.includes('mail written to a file'))
  const { file } = JSON.parse(line ?? '{}')
  t.notOk(
    gateway.lines.some((each) => each.includes('accepted by the mail server')),
    'there is no mail server',
  )
  t.ok(file.startsWith(join(DATA_DIR, 'mail')), 'the path in the log')
  const link = `http://gateway.test/invitations/${mail?.token}`
  t.ok(readFileSync(file, 'utf8').includes(`\n  ${link}\n`), 'a terminal shows the whole link on one line')
  t.ok(mail?.html.includes(`<a href="${link}"`), 'a mail program shows a button')
  t.ok(mail?.html.includes('Zoë &amp; &quot;Söhne&quot; &lt;b@evil.example&gt;, 🦊'), 'the name is no markup')
  t.match(line, 'open it in a mail program', 'the log says how to read it')
  t.equal(statSync(file).mode & 0o777, 0o600, 'only the owner of the process can read the mail')
  t.equal(statSync(join(DATA_DIR, 'mail')).mode & 0o777, 0o700)
})

t.test('each mail has the path of its link and its lifetime', async (t) => {
  const token = `ght_${'x'.repeat(43)}`
  for (const [mail, route, lifetime] of [
    [invitationMail('a@b.example', 'Acme', token, 'http://g'), `/invitations/${token}`, '72 hours'],
    [verificationMail('a@b.example', token, 'http://g'), `/verify/${token}`, '24 hours'],
    [passwordResetMail('a@b.example', token, 'http://g'), `/password-resets/${token}`, '30 minutes'],
  ] as const) {
    t.ok(mail.text.includes(`  http://g${route}\n`), route)
    t.ok(mail.html?.includes(`<a href="http://g${route}"`), route)
    t.ok(mail.text.includes(lifetime), lifetime)
  }
})

// Attack: names a tenant with a character that turns the text after it around, so that a mail program shows another address.
t.test('a name cannot turn around the text after it', (t) => {
  const mail = invitationMail('to@people.example', 'Acme \u202egro.live//:sptth\u2066', 'ght_x', 'http://g')
  t.equal(mail.subject, 'You are invited to Acme gro.live//:sptth')
  t.notMatch(mail.text + mail.html, /[\u202a-\u202e\u2066-\u2069]/)
  t.end()
})
