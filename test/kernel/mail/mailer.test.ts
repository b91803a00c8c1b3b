import { once } from 'node:events'
import { statSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SMTPServer } from 'smtp-server'
import type { Test } from 'tap'
import { openMailer } from '../../../src/kernel/mail/mailer.js'
import { invitationMail, passwordResetMail, verificationMail } from '../../../src/kernel/mail/templates.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'
import { parse, readMails } from './read-mails.js'

const DATA_DIR = t.testdir()
const base = await startGateway({ env: { DATA_DIR } })
t.teardown(() => base.close())
const world = await buildWorld(base)

const SILENT = { info: () => undefined, error: () => undefined }
const until = async (is_true: () => boolean) => {
  for (const end = Date.now() + 8_000; !is_true() && Date.now() < end; ) await sleep(5)
}
const listening = async (server: Pick<Server, 'listen' | 'once'> & { address(): unknown }) => {
  server.listen(0, '127.0.0.1')
  await once(server as Server, 'listening')
  return (server.address() as AddressInfo).port
}
/** Starts a mail server that records the mails that it accepts. */
async function mailServer(t: Test) {
  const taken: { to: string[]; message: string }[] = []
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    onAuth: ({ username, password }, _session, done) =>
      password === 'PLANTED-smtp-secret' ? done(null, { user: username }) : done(new Error('wrong')),
    onData(stream, { envelope }, done) {
      let message = ''
      stream.setEncoding('utf8').on('data', (part: string) => {
        message += part
      })
      stream.on('end', () => {
        taken.push({ to: envelope.rcptTo.map(({ address }) => address), message })
        done()
      })
    },
    // The server refuses these recipients, as a real mail server refuses an unknown mailbox.
    onRcptTo: ({ address }, _session, done) =>
      address.startsWith('refused') ? done(new Error('no such mailbox')) : done(),
  })
  const port = await listening(server.server as never)
  t.teardown(() => new Promise<void>((done) => server.close(done)))
  return { taken, port }
}
async function mailingBy(t: Test, SMTP_URL: string) {
  const gateway = await startGateway({ on: base.test_database, env: { SMTP_URL } })
  t.teardown(() => gateway.close())
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email: emailOf('owner'), password: PASSWORD } })
  const headers = { authorization: `Bearer ${body.access}` }
  const path = `/v1/tenants/${world.acme.id}/invitations`
  return { gateway, invite: (email: string) => ask(gateway, path, { headers, body: { email, roles: ['Agent'] } }) }
}

t.test('the mailer sends a mail through SMTP_URL to its only recipient', async (t) => {
  const { taken, port } = await mailServer(t)
  const url = `smtp://gate:PLANTED-smtp-secret@127.0.0.1:${port}`
  const { gateway, invite } = await mailingBy(t, url)
  t.equal((await invite('invited@people.example')).status, 201)
  await until(() => taken.length > 0)
  t.strictSame(
    taken.map(({ to }) => to),
    [['invited@people.example']],
  )
  const mail = parse(taken[0]?.message ?? '')
  t.match(mail, { to: 'invited@people.example', subject: /Acme/, token: /^ght_[\w-]{43}$/ })
  t.match(Object.fromEntries(mail.headers), { from: 'Gatehouse <gatehouse@localhost>' })
  t.equal((await invite('refused@people.example')).status, 201, 'the response does not depend on the mail server')
  await until(() => gateway.lines.some((line) => line.includes('mail not sent')))
  t.match(gateway.lines.join(''), /mail not sent/)
  t.notMatch(gateway.lines.join(''), /PLANTED|ght_/)
})

// A mail server that is down must not block the gateway. Response times must not reveal which addresses have a user.
t.test('an unresponsive mail server neither fails nor delays a request, and each unsent mail is logged', async (t) => {
  const sockets: Socket[] = []
  const silent = createServer((socket) => void sockets.push(socket.on('error', () => undefined)))
  const port = await listening(silent)
  const { gateway, invite } = await mailingBy(t, `smtp://127.0.0.1:${port}`)
  t.equal((await invite('nobody@people.example')).status, 201)
  await until(() => sockets.length > 0)
  t.notMatch(gateway.lines.join(''), /could not be sent/, 'the response does not wait for the mail server')
  const body = { email: emailOf('agent') }
  t.equal((await ask(gateway, '/v1/auth/password-resets', { body })).status, 202)
  for (const socket of sockets) socket.destroy()
  silent.close()
  await until(() => gateway.lines.filter((line) => line.includes('mail not sent')).length > 1)
  const told = gateway.lines.filter((line) => line.includes('mail not sent')).map((line) => JSON.parse(line))
  t.match(told, [{ level: 'error', reason: /./, subject: /./ }, { level: 'error' }])
  t.notMatch(JSON.stringify(told), /ght_/)
  t.equal((await invite('somebody@people.example')).status, 201, 'a mail server that refuses connections')
})

t.test(
  'the mailer drops mails beyond 200 in flight, and a shutdown waits for the others only a limited time',
  async (t) => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => undefined)))
    const port = await listening(silent)
    const told: string[] = []
    const log = { info: () => undefined, error: (_fields: object, text: string) => void told.push(text) }
    const mailer = openMailer({ kind: 'smtp', url: `smtp://127.0.0.1:${port}`, from: 'a@b.example' }, log)
    for (let sent = 0; sent < 205; sent += 1) mailer.send({ to: 'x@people.example', subject: 'x', text: 'x' })
    t.equal(told.filter((text) => text.includes('dropped')).length, 5)
    await mailer.settled()
    t.match(told.join(), /mails still in flight at shutdown/)
    for (const socket of sockets) socket.destroy()
    silent.close()
  },
)

// Attack: a tenant puts line breaks into its name or an address, to add headers, recipients or another mail.
t.test('a name or an address cannot add a header to a mail', async (t) => {
  const { taken, port } = await mailServer(t)
  const url = `smtp://gate:PLANTED-smtp-secret@127.0.0.1:${port}`
  const mailer = openMailer({ kind: 'smtp', url, from: 'a@b.example' }, SILENT)
  const names = [
    'Acme\r\nBcc: x@evil.example',
    'A\nSubject: other',
    'A\u2028B\u0085C',
    '=?UTF-8?Q?x?=',
    'Zoë 🦊'.repeat(30),
  ]
  for (const name of names) mailer.send(invitationMail('to@people.example', name, `ght_${'x'.repeat(43)}`, 'http://g'))
  const receivers = [
    'a@people.example, b@evil.example',
    'a@people.example\r\nBcc: b@evil.example',
    'a <b@evil.example>',
  ]
  for (const to of receivers) mailer.send(verificationMail(to, 'ght_x', 'http://g'))
  await mailer.settled()
  t.ok(taken.length >= names.length)
  for (const { to, message } of taken) {
    t.equal(to.length, 1, 'one recipient')
    const { headers } = parse(message)
    const allowed = [
      'from',
      'to',
      'subject',
      'message-id',
      'content-transfer-encoding',
      'date',
      'mime-version',
      'content-type',
    ]
    t.strictSame([...headers.map(([name]) => name)].sort(), [...allowed].sort(), 'each header once, and no other')
  }
  const letters = taken.filter(({ to }) => to[0] === 'to@people.example').map(({ message }) => parse(message))
  t.equal(letters.length, names.length)
  for (const { text } of letters) t.notMatch(text, /^(Bcc|Subject):/m, 'no line that looks like a header')
})

t.test('201 a tenant with any allowed name sends one mail for an invitation', async (t) => {
  const headers = await world.bearer('owner')
  const settings = `/v1/tenants/${world.acme.id}`
  const name = 'Zoë & "Söhne" <b@evil.example>, 🦊'
  t.equal((await ask(base, settings, { method: 'PATCH', headers, body: { name } })).status, 200)
  for (const refused of ['A\r\nBcc: x@evil.example', 'A\nB', 'A\tB', 'A\u0000B']) {
    t.equal((await ask(base, settings, { method: 'PATCH', headers, body: { name: refused } })).status, 400)
  }
  for (const email of [
    'a@b.example,c@d.example',
    'a@b.example\nBcc: c@d.example',
    '"a b"@c.example',
    'A <a@b.example>',
  ]) {
    const answer = await ask(base, `${settings}/invitations`, { headers, body: { email, roles: [] } })
    t.match(answer, { status: 400, body: { errors: [{ pointer: '/email' }] } }, email)
  }
  const body = { email: 'one@people.example', roles: ['Agent'] }
  t.equal((await ask(base, `${settings}/invitations`, { headers, body })).status, 201)
  const [mail, ...others] = await readMails(DATA_DIR, 1)
  t.strictSame(others, [])
  t.match(mail, { to: 'one@people.example', subject: /^=\?UTF-8\?/ })
  t.ok(mail?.text.includes(`You are invited to join ${name}.`))
  const line = base.lines.find((each) => each.includes('mail written to a file'))
  const { file } = JSON.parse(line ?? '{}')
  t.ok(file.startsWith(join(DATA_DIR, 'mail')), 'the path in the log')
  t.equal(statSync(file).mode & 0o777, 0o600, 'only the owner of the process can read the mail')
  t.equal(statSync(join(DATA_DIR, 'mail')).mode & 0o777, 0o700)
})

t.test('each mail has the path of its link and its lifetime', async (t) => {
  const token = `ght_${'x'.repeat(43)}`
  for (const [mail, route, lifetime] of [
    [invitationMail('a@b.example', 'Acme', token, 'http://g'), `/v1/invitations/${token}/accept`, '72 hours'],
    [verificationMail('a@b.example', token, 'http://g'), `/v1/auth/email-verifications/${token}`, '24 hours'],
    [passwordResetMail('a@b.example', token, 'http://g'), `/v1/auth/password-resets/${token}`, '30 minutes'],
  ] as const) {
    t.ok(mail.text.includes(`http://g${route}`), route)
    t.ok(mail.text.includes(lifetime), lifetime)
  }
})
