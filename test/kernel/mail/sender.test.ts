import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import { makeUser } from '../../guards/examples.js'
import { deferred } from '../../helpers/deferred.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld } from '../../helpers/world.js'
import { startMailServer, startSilentServer } from './mail-server.js'
import { emptyQueue, logged, type MailingGateway, startMailingGateway } from './mailing.js'
import { parse } from './read-mails.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** Longer than the pause after the first try. */
const PAUSE_MS = 16_000
const signing_keys = generateSigningKeys()
const base = await startGateway({ env: { DATA_DIR: t.testdir() } })
t.teardown(() => base.close())
const world = await buildWorld(base)
const path = `/v1/tenants/${world.acme.id}/invitations`
const on = base.test_database
t.beforeEach(() => base.sql('delete from mails'))

let invited = 0
/** Invites a new address with the owner of Acme. */
async function invite(gateway: MailingGateway, email = `invited${++invited}@people.example`) {
  const headers = await gateway.bearer('owner')
  const answer = await ask(gateway, path, { headers, body: { email, roles: ['Agent'] } })
  if (answer.status !== 201) throw new Error(answer.text)
  return { email, id: answer.body.id as string, created: answer.body, headers }
}
const reset = (gateway: MailingGateway, email: string) => ask(gateway, '/v1/auth/password-resets', { body: { email } })
const deliveryOf = async (gateway: MailingGateway, id: string) => {
  const { body } = await ask(gateway, path, { headers: await gateway.bearer('owner') })
  return body.data.find((each: { id: string }) => each.id === id)?.delivery
}

t.test('a mail that the server defers (451) arrives once, and the invitation shows its delivery', async (t) => {
  const server = await startMailServer(t, { answer: (_address, tries) => (tries === 1 ? 451 : undefined) })
  const gateway = await startMailingGateway(t, server.url, { on, signing_keys })
  const { email, id, created } = await invite(gateway)
  t.strictSame(created.delivery, { state: 'queued', reason: null, at: created.created_at })
  const [line] = await logged(gateway, 'mail not sent; retrying')
  t.match(line, { level: 'warn', kind: 'invitation', tries: 1, command: 'RCPT TO', reply: 451 })
  t.match(await deliveryOf(gateway, id), { state: 'queued', reason: null })
  gateway.wake(PAUSE_MS)
  await emptyQueue(gateway)
  t.equal(server.to(email).length, 1)
  t.match(parse(String(server.taken[0]?.message)), { to: email, subject: /Acme/, token: /^ght_[\w-]{43}$/ })
  const delivery = await deliveryOf(gateway, id)
  t.match(delivery, { state: 'sent', reason: null })
  t.ok(delivery.at > created.created_at, 'the time at which the server accepted the mail')
  gateway.wake(HOUR_MS)
  await invite(gateway, 'later@people.example')
  await until('the later mail is tried', () => server.tries.has('later@people.example'))
  t.equal(server.to(email).length, 1, 'an accepted mail is not sent again')
  t.notMatch(gateway.lines.join('\n'), new RegExp(`${email}|ght_|PLANTED`), 'no address and no token in the log')
})

t.test('while the mail server is down, mails wait, and they arrive when it is back', async (t) => {
  const { port, url, close } = await startMailServer(t)
  await close()
  const gateway = await startMailingGateway(t, url, { on, signing_keys, env: { ALLOW_REGISTRATION: 'true' } })
  const { email } = await makeUser(gateway, world)
  const { email: guest } = await invite(gateway)
  t.equal((await reset(gateway, email)).status, 202)
  const body = { email: 'registered@people.example', password: 'velvet-harbour-otter-91', name: 'New' }
  t.equal((await ask(gateway, '/v1/auth/register', { body })).status, 202)
  await logged(gateway, 'mail not sent; retrying', 3)
  gateway.wake(PAUSE_MS)
  await logged(gateway, 'mail not sent; retrying', 6)
  const server = await startMailServer(t, { port })
  gateway.wake(MINUTE_MS)
  await emptyQueue(gateway)
  for (const to of [email, guest, body.email]) t.equal(server.to(to).length, 1, to)
})

// Attack: a mail server accepts connections and never answers, so that requests wait or a mail is lost.
t.test('a mail server that never answers delays no request, and the mail arrives later', async (t) => {
  const silent = await startSilentServer(t)
  const gateway = await startMailingGateway(t, silent.url, { on, signing_keys })
  const { email } = await invite(gateway)
  await until('the gateway has connected', () => silent.sockets.size > 0)
  t.notMatch(gateway.lines.join('\n'), /mail not sent/, 'the response did not wait for the mail server')
  silent.close()
  await logged(gateway, 'mail not sent; retrying')
  const server = await startMailServer(t, { port: silent.port })
  gateway.wake(PAUSE_MS)
  await emptyQueue(gateway)
  t.equal(server.to(email).length, 1)
})

// Attack: a reader of the database takes the link out of a queued mail.
t.test('a queued mail is encrypted, survives a restart with a new signing key, and is sent once', async (t) => {
  const { port, url, close } = await startMailServer(t)
  await close()
  const first = await startMailingGateway(t, url, { on, signing_keys })
  const { email, id } = await invite(first)
  await logged(first, 'mail not sent; retrying')
  const [row] = await first.sql(`select content, m::text as text from mails m`)
  const { content, text } = row as { content: Uint8Array; text: string }
  t.ok(content.length > 200)
  for (const held of [Buffer.from(content).toString('latin1'), text]) t.notMatch(held, /ght_|people\.example|Acme/)
  await first.close()

  const server = await startMailServer(t, { port })
  const stranger = await startMailingGateway(t, url, { on, signing_keys: generateSigningKeys() })
  stranger.wake(PAUSE_MS)
  const rotated = { keys: [...JSON.parse(generateSigningKeys()).keys, ...JSON.parse(signing_keys).keys] }
  const second = await startMailingGateway(t, url, { on, signing_keys: JSON.stringify(rotated) })
  second.wake(PAUSE_MS)
  await emptyQueue(second)
  t.equal(server.to(email).length, 1)
  t.match(await deliveryOf(second, id), { state: 'sent' })
  t.notMatch(
    stranger.lines.join('\n'),
    /mail not sent/,
    'a replica leaves the mails that it cannot decrypt to the others',
  )
})

t.test(
  'a refusal (550) fails at once, and the invitation gives a reason without the words of the server',
  async (t) => {
    const server = await startMailServer(t, { answer: (address) => (address.startsWith('no') ? 550 : undefined) })
    const gateway = await startMailingGateway(t, server.url, { on, signing_keys })
    const { email, id, headers } = await invite(gateway, 'nobody@people.example')
    await emptyQueue(gateway)
    const delivery = await deliveryOf(gateway, id)
    t.match(delivery, { state: 'failed', reason: /^The mail server refused the address/ })
    t.notMatch(JSON.stringify(delivery), /550|no mail for/)
    t.equal(server.tries.get(email), 1)
    const [line] = await logged(gateway, 'the mail server refused it')
    t.match(line, { level: 'error', reason: 'address_refused', reply: 550 })
    t.notMatch(gateway.lines.join('\n'), /nobody@people|ght_/)
    const resent = await ask(gateway, `${path}/${id}/resend`, { method: 'POST', headers })
    t.match(resent, { status: 200, body: { delivery: { state: 'queued', reason: null } } }, 'sending again starts over')
  },
)

t.test('the gateway gives up after 24 hours, and on a reset when its link has expired', async (t) => {
  const { url, close } = await startMailServer(t)
  await close()
  const gateway = await startMailingGateway(t, url, { on, signing_keys })
  const { id: user_id, email } = await makeUser(gateway, world)
  t.equal((await reset(gateway, email)).status, 202)
  const { id } = await invite(gateway)
  await logged(gateway, 'mail not sent; retrying', 2)
  gateway.wake(30 * MINUTE_MS)
  await until(
    'the reset is given up',
    async () => (await gateway.sql(`select from mails where kind = 'password_reset'`)).length === 0,
  )
  t.equal((await gateway.sql(`select from one_time_tokens where user_id = '${user_id}' and used_at is null`)).length, 1)
  await logged(gateway, 'mail not sent; retrying', 3)
  gateway.wake(24 * HOUR_MS)
  await emptyQueue(gateway)
  await logged(gateway, 'mail not sent in time; giving up')
  gateway.wake(-24.5 * HOUR_MS)
  t.match(await deliveryOf(gateway, id), { state: 'failed', reason: /in time/ })
})

t.test('a mail is tried for 24 hours with growing pauses, also after a restart, and arrives once', async (t) => {
  const { port, url, close } = await startMailServer(t)
  await close()
  let gateway = await startMailingGateway(t, url, { on, signing_keys })
  const { email, id } = await invite(gateway)
  const began = gateway.clock.now()
  /** Waits until a try has failed. @returns how long the mail waits for the next one */
  const pauseAfter = (tries: number) =>
    until(`try ${tries} has failed`, async () => {
      const pause_ms = Math.min(15_000 * 3 ** (tries - 1), HOUR_MS)
      const [mail] = await gateway.sql('select tries, due_at::text as due_at from mails')
      const left_ms = Date.parse(String(mail?.due_at)) - gateway.clock.now()
      // While the try runs, the time is that of the lease, which no pause is as long as.
      const is_settled = mail?.tries === tries && left_ms > pause_ms * 0.9 - 5_000 && left_ms <= pause_ms
      return is_settled ? left_ms : undefined
    })
  let tries = 1
  for (; gateway.clock.now() - began < 22 * HOUR_MS; tries += 1) {
    const pause_ms = await pauseAfter(tries)
    if (tries === 7) {
      const ahead_ms = gateway.clock.now() - Date.now()
      await gateway.close()
      gateway = await startMailingGateway(t, url, { on, signing_keys })
      gateway.clock.advance(ahead_ms)
    }
    gateway.wake(pause_ms + 1_000)
  }
  t.ok(tries > 25 && tries < 32, `${tries} tries`)
  const pause_ms = await pauseAfter(tries)
  const server = await startMailServer(t, { port })
  gateway.wake(pause_ms + 1_000)
  await emptyQueue(gateway)
  t.equal(server.to(email).length, 1)
  const [state] = await gateway.sql(`select delivery_state from invitations where id = '${id}'`)
  t.match(state, { delivery_state: 'sent' })
})

t.test('the mail of a link that has ended is not sent', async (t) => {
  const { port, url, close } = await startMailServer(t)
  await close()
  const gateway = await startMailingGateway(t, url, { on, signing_keys })
  const revoked = await invite(gateway)
  const resent = await invite(gateway)
  const again = await invite(gateway)
  await logged(gateway, 'mail not sent; retrying', 3)
  t.equal((await ask(gateway, `${path}/${revoked.id}`, { method: 'DELETE', headers: revoked.headers })).status, 204)
  t.equal((await ask(gateway, `${path}/${resent.id}/resend`, { method: 'POST', headers: resent.headers })).status, 200)
  await invite(gateway, again.email)
  const server = await startMailServer(t, { port })
  gateway.wake(MINUTE_MS)
  await emptyQueue(gateway)
  t.equal(server.to(revoked.email).length, 0, 'a revoked invitation')
  t.equal(server.to(resent.email).length, 1, 'an invitation that was sent again: only the new link')
  t.equal(server.to(again.email).length, 1, 'an address that was invited again: only the new link')
})

t.test('two replicas send each mail once, and a stop hands a running mail to the other one', async (t) => {
  const gate = deferred()
  const server = await startMailServer(t, { hold: (to) => (to.startsWith('held') ? gate.promise : Promise.resolve()) })
  const replicas = [
    await startMailingGateway(t, server.url, { on, signing_keys }),
    await startMailingGateway(t, server.url, { on, signing_keys }),
  ] as const
  const [first, second] = replicas
  const sent: { email: string }[] = []
  for (let round = 0; round < 8; round += 1) sent.push(...(await Promise.all([invite(first), invite(second)])))
  await emptyQueue(first)
  t.strictSame(server.taken.map(({ to }) => to[0]).sort(), sent.map(({ email }) => email).sort())
  const held = await invite(first, 'held@people.example')
  await until('the server holds the mail', () => server.tries.has(held.email))
  const began = Date.now()
  await first.close()
  t.ok(Date.now() - began < 6_000, `the stop took ${Date.now() - began} ms`)
  t.match(first.lines.join('\n'), /mails still being sent at shutdown/)
  gate.resolve()
  second.wake(0)
  await emptyQueue(second)
  const ids = server.to(held.email).map(({ message }) => Object.fromEntries(parse(message).headers)['message-id'])
  t.ok(ids.length >= 1)
  t.equal(new Set(ids).size, 1, 'a mail that arrives twice has one Message-ID')
})
