import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import { makeUser } from '../../guards/examples.js'
import { deferred } from '../../helpers/deferred.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld } from '../../helpers/world.js'
import { startMailServer } from './mail-server.js'
import { emptyQueue, logged, type MailingGateway, startMailingGateway } from './mailing.js'

/** RUNNING_MAX of src/kernel/mail/sender.ts, for invitations, and QUEUED_MAX of src/kernel/mail/outbox.ts. */
const RUNNING_MAX = 3
const QUEUED_MAX = 100
const WINDOW_MS = 1_800_000
const signing_keys = generateSigningKeys()
// It has other signing keys, so it takes none of the mails.
const base = await startGateway({ env: { DATA_DIR: t.testdir() } })
t.teardown(() => base.close())
const world = await buildWorld(base)
const { acme, globex } = world
const on = base.test_database
t.beforeEach(() => base.sql('delete from mails'))

const OWNERS = { [acme.id]: 'owner', [globex.id]: 'other_owner' } as const
const invite = async (
  gateway: MailingGateway,
  tenant: { id: string },
  email: string,
  headers?: Record<string, string>,
) =>
  ask(gateway, `/v1/tenants/${tenant.id}/invitations`, {
    headers: headers ?? (await gateway.bearer(OWNERS[tenant.id] ?? 'owner')),
    body: { email, roles: ['Agent'] },
  })
const ok = async (answer: Promise<{ status: number; text: string }>) => {
  const { status, text } = await answer
  if (status !== 201) throw new Error(text)
}

// Attack: a tenant sends many invitations while the mail server is slow, so that the mails of others wait behind them.
t.test('a flood of invitations delays no reset, and the invitation of another tenant only by its turn', async (t) => {
  const gate = deferred()
  const server = await startMailServer(t, { hold: (to) => (to.startsWith('flood') ? gate.promise : Promise.resolve()) })
  const gateway = await startMailingGateway(t, server.url, { on, signing_keys })
  for (let index = 0; index < 12; index += 1) await ok(invite(gateway, acme, `flood${index}@people.example`))
  await until('the invitations use their connections', () => server.tries.size === RUNNING_MAX)
  const { email } = await makeUser(gateway, world)
  t.equal((await ask(gateway, '/v1/auth/password-resets', { body: { email } })).status, 202)
  await until('the reset arrives while the invitations wait', () => server.to(email).length === 1)
  t.equal(server.tries.size, RUNNING_MAX + 1)
  await ok(invite(gateway, globex, 'guest@people.example'))
  gate.resolve()
  await emptyQueue(gateway)
  const place = server.taken.findIndex(({ to }) => to[0] === 'guest@people.example')
  t.ok(place <= 2 * RUNNING_MAX, `the other tenant had turn ${place}, after those that were running`)
  t.equal(new Set(server.taken.map(({ to }) => to[0])).size, 14)
})

t.test('409 a tenant with 100 waiting invitations gets Retry-After, and takes no place of others', async (t) => {
  const { url, close } = await startMailServer(t)
  await close()
  const gateway = await startMailingGateway(t, url, { on, signing_keys })
  const first = await invite(gateway, acme, 'first@people.example')
  // The other mails of the queue. Each has an invitation, as a foreign key requires.
  await gateway.sql(`insert into mails (id, tenant_id, invitation_id, kind, link_digest, mailbox, content, sealed_by,
      is_counted, created_at, due_at, expires_at)
    select gen_random_uuid(), tenant_id, id, 'invitation', '', '', '', 'another key', true, now(), now(), now() + interval '1 day'
    from invitations, generate_series(2, ${QUEUED_MAX}) where id = '${first.body.id}'`)
  const refused = await invite(gateway, acme, 'refused@people.example')
  t.match(refused, { status: 409, body: { code: 'limit_reached', detail: /wait for the mail server/ } })
  t.match(refused.headers.get('retry-after'), /^[1-9]\d*$/)
  t.same(await gateway.sql(`select 1 from invitations where email = 'refused@people.example'`), [])
  await ok(invite(gateway, globex, 'guest@people.example'))
  const { email } = await makeUser(gateway, world)
  t.equal((await ask(gateway, '/v1/auth/password-resets', { body: { email } })).status, 202)
  await logged(gateway, '"kind":"password_reset"')
})

// Attack: sends invitations of many tenants to one mailbox, over several replicas and with changing addresses.
t.test('a mailbox receives 5 invitations in 30 minutes, and no tenant learns of the others', async (t) => {
  const server = await startMailServer(t)
  const env = { BUDGET_MAILBOX: '5/1800' }
  const one = await startMailingGateway(t, server.url, { on, signing_keys, env })
  const other = await startMailingGateway(t, server.url, { on, signing_keys, env })
  const headers = await one.bearer('owner')
  const answers: { status: number; text: string; body: { id: string; delivery: object } }[] = []
  for (let index = 0; index < 8; index += 1) {
    const { body: tenant } = await ask(one, '/v1/tenants', { headers, body: { name: `Flood ${index}` } })
    const email = `victim+${index}@people.example`
    const at = index % 2 === 0 ? one : other
    answers.push(await invite(at, tenant.tenant, email, await at.bearer('owner')))
  }
  const isHeld = async () => {
    const left = await one.sql('select is_counted from mails')
    return left.length === 3 && left.every((mail) => mail.is_counted === false)
  }
  await until('five mails are sent and three are held back', isHeld)
  t.equal(server.taken.length, 5)
  for (const { status, body } of answers)
    t.match({ status, body }, { status: 201, body: { delivery: { state: 'queued', reason: null } } })
  const states = await one.sql(`select delivery_state as state, delivery_failure as reason, count(*)::int as count
    from invitations where email like 'victim+%' group by 1, 2 order by 1`)
  t.match(states, [
    { state: 'queued', reason: null, count: 3 },
    { state: 'sent', reason: null, count: 5 },
  ])
  await ok(invite(one, acme, 'another@people.example'))
  await until('another mailbox', () => server.to('another@people.example').length === 1)
  one.wake(WINDOW_MS)
  await emptyQueue(one)
  t.equal(server.taken.filter(({ to }) => String(to[0]).startsWith('victim')).length, 8, 'the rest in the next window')
})

t.test('the invitations of a suspended tenant wait until it is active again', async (t) => {
  const { port, url, close } = await startMailServer(t)
  await close()
  const gateway = await startMailingGateway(t, url, { on, signing_keys })
  await ok(invite(gateway, globex, 'waits@people.example'))
  await logged(gateway, 'mail not sent; retrying')
  await gateway.sql(`update tenants set suspended_at = now() where id = '${globex.id}'`)
  const server = await startMailServer(t, { port })
  gateway.wake(60_000)
  await ok(invite(gateway, acme, 'not-suspended@people.example'))
  await until('the mail of the other tenant', () => server.taken.length > 0)
  t.equal(server.to('waits@people.example').length, 0)
  await gateway.sql(`update tenants set suspended_at = null where id = '${globex.id}'`)
  gateway.wake(0)
  await emptyQueue(gateway)
  t.equal(server.to('waits@people.example').length, 1)
})

t.test('the metrics count tries by outcome, and the waiting mails', async (t) => {
  const server = await startMailServer(t, { answer: (address) => (address.startsWith('no') ? 550 : undefined) })
  const gateway = await startMailingGateway(t, server.url, { on, signing_keys, env: { METRICS_PORT: '0' } })
  const [line] = await logged(gateway, 'serving metrics')
  const { port } = (line as { address: { port: number } }).address
  const page = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  await ok(invite(gateway, acme, 'yes@people.example'))
  await ok(invite(gateway, acme, 'no@people.example'))
  await emptyQueue(gateway)
  const text = await page()
  t.match(text, /gatehouse_mail_tries_total\{kind="invitation",outcome="sent"\} 1/)
  t.match(text, /gatehouse_mail_tries_total\{kind="invitation",outcome="failed"\} 1/)
  t.match(text, /gatehouse_mails_queued\{kind="invitation"\} 0/)
})
