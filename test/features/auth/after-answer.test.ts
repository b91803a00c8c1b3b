import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import type { Database } from '../../../src/kernel/database/database.js'
import { makeUser } from '../../guards/examples.js'
import { openTestDatabase } from '../../helpers/database.js'
import { deferred } from '../../helpers/deferred.js'
import { type GatewayOptions, startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'
import { readMails } from '../../kernel/mail/read-mails.js'

/** TASKS_MAX of src/kernel/jobs/after-response.ts. */
const TASKS_MAX = 100
const test_database = await openTestDatabase()
t.teardown(() => test_database.close())
const signing_keys = generateSigningKeys()
// One folder for all gateways of this file, because each of them can send the mails of the others.
const DATA_DIR = t.testdir()
const env = { DATA_DIR, ALLOW_REGISTRATION: 'true' }
const plain = await startGateway({ on: test_database, signing_keys, env })
t.teardown(() => plain.close())
const world = await buildWorld(plain)
const user = () => makeUser(plain, world)

const start = (on: GatewayOptions['on'] = test_database) => startGateway({ on, signing_keys, env })
const asked = (at: { url: string }, email: string) => ask(at, '/v1/auth/password-resets', { body: { email } })
const registered = (at: { url: string }, email: string) =>
  ask(at, '/v1/auth/register', { body: { email, password: PASSWORD, name: 'Somebody New' } })
const tokensOf = async (id: string) =>
  (await plain.sql(`select digest from one_time_tokens where user_id = '${id}'`)).length

/** The database with a hook before each transaction, which waits or throws. Reads run normally. */
function gated(before: () => Promise<void>): NonNullable<GatewayOptions['on']> {
  const database: Database = {
    ...test_database.database,
    transaction: async (binding, work) => {
      await before()
      return test_database.database.transaction(binding, work)
    },
  }
  return { ...test_database, database }
}

t.test('202 the response does not wait for the link or the new user: both are created after it', async (t) => {
  const gate = deferred()
  const gateway = await start(gated(() => gate.promise))
  const { id, email } = await user()
  t.equal((await asked(gateway, email)).status, 202)
  t.equal((await registered(gateway, 'waits@people.example')).status, 202)
  t.equal(await tokensOf(id), 0)
  gate.resolve()
  t.same((await readMails(DATA_DIR, 2)).map(({ to }) => to).sort(), [email, 'waits@people.example'].sort())
  await gateway.close()
  const events = await plain.sql(`select address, request_id from audit_events where target_id = '${id}'
    and action = 'user.password_reset_sent'`)
  t.match(events, [{ address: '127.0.0.1', request_id: /./ }], 'the audit event still names the client of the request')
})

// A restart must not lose a promised mail, and no task may use the database after it is closed.
t.test('all after-response tasks finish before the gateway is closed', async (t) => {
  const before = (await readMails(DATA_DIR)).length
  const gateway = await start()
  const people = [await user(), await user(), await user()]
  await Promise.all(people.map(({ email }) => asked(gateway, email)))
  await registered(gateway, 'before-the-end@people.example')
  await gateway.close()
  for (const { id } of people) t.equal(await tokensOf(id), 1)
  const queued = (await plain.sql('select from mails')).length
  const written = (await readMails(DATA_DIR)).length - before
  t.ok(written + queued >= 4, `each mail is written or queued: ${written} and ${queued}`)
  t.equal((await readMails(DATA_DIR, before + 4)).length, before + 4, 'another gateway sends the queued ones')
  t.notMatch(gateway.lines.join('\n'), /still running|failed/)
})

// Attack: floods the reset route to fill the queue of after-response tasks. The refusal must not reveal whether the
// address is known.
t.test('503 above 100 queued tasks the gateway refuses a request, whether or not the address is known', async (t) => {
  const gate = deferred()
  const gateway = await start(gated(() => gate.promise))
  const { id, email } = await user()
  const statuses: number[] = []
  // The requests are sequential: concurrent requests could pass the check of the last slot together.
  for (let number = 0; number < TASKS_MAX + 5; number += 1) statuses.push((await asked(gateway, email)).status)
  t.same(statuses, [...Array(TASKS_MAX).fill(202), ...Array(5).fill(503)])
  const refused = [await asked(gateway, 'nobody@people.example'), await asked(gateway, emailOf('agent'))]
  for (const { status, headers, body } of [...refused, await registered(gateway, 'more@people.example')]) {
    t.match({ status, code: body.code }, { status: 503, code: 'service_unavailable' })
    t.ok(Number(headers.get('retry-after')) >= 1)
  }
  t.equal((await ask(gateway, '/v1/me', { headers: await world.bearer('agent') })).status, 200, 'another route')
  gate.resolve()
  await until('the queue has room again', async () => (await asked(gateway, email)).status === 202)
  await gateway.close()
  t.equal(await tokensOf(id), 1, 'the requests of two minutes make one link')
})

t.test('a failed after-response task is logged without secrets, and the next task runs', async (t) => {
  let failures = 1
  const gateway = await start(
    gated(async () => {
      if (failures-- > 0) throw new Error('no transaction today')
    }),
  )
  const first = await user()
  const second = await user()
  t.equal((await asked(gateway, first.email)).status, 202)
  t.equal((await asked(gateway, second.email)).status, 202)
  await until('the mail to the second', async () => (await readMails(DATA_DIR)).some(({ to }) => to === second.email))
  t.equal(await tokensOf(first.id), 0)
  const [line] = gateway.lines.filter((each) => each.includes('after-response task failed'))
  t.match(JSON.parse(String(line)), { level: 'error', request_id: /./, err: { message: 'no transaction today' } })
  t.notMatch(line, first.email)
  await gateway.close()
})
