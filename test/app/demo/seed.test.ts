import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isValidPhoneNumber } from 'libphonenumber-js/max'
import { seedDemo } from '../../../src/app/demo/index.js'
import { demoCustomers } from '../../../src/app/demo/people.js'
import { openTestDatabase } from '../../helpers/database.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { keyHeaders } from '../../helpers/world.js'

const VARIABLES =
  'GATEWAY_URL TENANT_ID TENANT_API_KEY INTEGRATION_API_KEY OTHER_TENANT_ID OTHER_TENANT_API_KEY OPERATOR_EMAIL OPERATOR_PASSWORD OWNER_EMAIL OWNER_PASSWORD AGENT_EMAIL AGENT_PASSWORD ANALYST_EMAIL ANALYST_PASSWORD STRANGER_EMAIL STRANGER_PASSWORD'.split(
    ' ',
  )
const test_database = await openTestDatabase()
const data_dir = t.testdir()
const file = join(data_dir, 'demo.env')
const gateway = await startGateway({ on: test_database })
await seedDemo(gateway.stores, data_dir, 'http://localhost:8000')
t.teardown(async () => {
  await gateway.close()
  await test_database.close()
})
const demo = Object.fromEntries(
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
) as Record<string, string>
const acme = { id: demo.TENANT_ID as string, key: demo.TENANT_API_KEY as string }
const enter = (person: string) =>
  ask(gateway, '/v1/auth/login', { body: { email: demo[`${person}_EMAIL`], password: demo[`${person}_PASSWORD`] } })
const bearer = async (person: string) => ({ authorization: `Bearer ${(await enter(person)).body.access}` })

// Attack: another user of the machine reads the passwords of the demo, or an attacker tries well-known default passwords.
t.test('only its owner can read the file with the variables, and every secret is random', async (t) => {
  t.same(
    VARIABLES.filter((name) => !demo[name]),
    [],
  )
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(demo.GATEWAY_URL, 'http://localhost:8000')
  const passwords = Object.entries(demo).filter(([name]) => name.endsWith('_PASSWORD'))
  t.equal(new Set(passwords.map(([, password]) => password)).size, passwords.length)
  t.ok(passwords.every(([, password]) => password.length >= 20))
  const unsafe = Object.values(demo).filter((value) => !/^[A-Za-z0-9@._:/-]+$/.test(value))
  t.same(unsafe, [], 'values that a shell cannot source')
})

t.test('each demo user can log in and has the roles that the names of the variables announce', async (t) => {
  const expected = { OPERATOR: [], OWNER: ['Owner'], AGENT: ['Agent'], ANALYST: ['Analyst'], STRANGER: [] }
  for (const [person, roles] of Object.entries(expected)) {
    const entered = await enter(person)
    t.equal(entered.status, 200, person)
    t.equal(entered.body.user.is_operator, person === 'OPERATOR')
    const me = await ask(gateway, '/v1/me', { headers: { authorization: `Bearer ${entered.body.access}` } })
    t.same(
      me.body.memberships.flatMap((each: { roles: string[] }) => each.roles),
      roles,
      person,
    )
    if (roles.length > 0) t.equal(me.body.memberships[0].tenant.id, demo.TENANT_ID)
  }
  const tenants = await ask(gateway, '/v1/platform/tenants', { headers: await bearer('OPERATOR') })
  t.same(tenants.body.data.map(({ name }: { name: string }) => name).sort(), ['Acme', 'Globex'])
})

t.test('each kind of credential of the demo gets the status that the first start announces', async (t) => {
  const agent = { ...(await bearer('AGENT')), ...keyHeaders(acme) }
  t.equal((await ask(gateway, '/v1/customers', { headers: agent })).status, 200)
  const alone = await ask(gateway, '/v1/customers', { headers: keyHeaders(acme) })
  t.match(alone, { status: 403, body: { code: 'insufficient_scope', missing: ['conversations:view'] } })
  const integration = keyHeaders({ id: acme.id, key: demo.INTEGRATION_API_KEY as string })
  t.equal((await ask(gateway, '/v1/customers', { headers: integration })).status, 200)
  const created = await ask(gateway, '/v1/customers', { headers: integration, body: { name: 'By the integration' } })
  t.equal(created.status, 201)
  const other = { id: demo.OTHER_TENANT_ID as string, key: demo.OTHER_TENANT_API_KEY as string }
  t.match(await ask(gateway, '/v1/access', { headers: keyHeaders(other) }), {
    status: 200,
    body: { tenant: { name: 'Globex' } },
  })
  await gateway.sql(`delete from customers where id = '${created.body.id}'`)
})

t.test('Acme has 120 customers, with valid phone numbers and domains that receive no mail', async (t) => {
  const [count] = await gateway.sql(`select count(*)::int as count from customers where tenant_id = '${acme.id}'`)
  t.same(count, { count: 120 })
  const people = demoCustomers(120, 'ACME')
  const phones = people.map(({ phone }) => phone).filter((phone) => typeof phone === 'string')
  t.ok(phones.length > 40, `${phones.length} have a phone`)
  t.same(
    phones.filter((phone) => !isValidPhoneNumber(phone)),
    [],
  )
  t.equal(new Set(phones).size, phones.length)
  t.equal(new Set(people.map(({ email }) => email)).size, 120)
  t.ok(new Set(people.map(({ name }) => name)).size > 100)
  t.ok(
    people.every(({ email }) => /@example\.(com|org|net)$/.test(String(email))),
    'no mail server receives mail for these domains',
  )
})

t.test('the agent sees four conversations, and a key does not see the one that is only for members', async (t) => {
  const agent = { ...(await bearer('AGENT')), ...keyHeaders(acme) }
  const { status, body } = await ask(gateway, '/v1/conversations?mine=true', { headers: agent })
  t.equal(status, 200)
  t.match(body.data[0], {
    title: 'Kettle arrived broken',
    unread_count: 2,
    last_message: { author: { kind: 'customer' } },
  })
  t.equal(body.data.length, 4)
  t.ok(new Set(body.data.map((each: { status: string }) => each.status)).size >= 3, 'with different statuses')
  const integration = keyHeaders({ id: acme.id, key: demo.INTEGRATION_API_KEY as string })
  const alone = await ask(gateway, '/v1/conversations', { headers: integration })
  t.equal(alone.body.data.length, 3, 'a key does not see the conversation that is only for members')
})

t.test('a second start seeds nothing and changes no password', async (t) => {
  const before = readFileSync(file, 'utf8')
  const users = await gateway.sql('select count(*) from users')
  await seedDemo(gateway.stores, data_dir, 'http://localhost:8000')
  t.equal(readFileSync(file, 'utf8'), before)
  t.same(await gateway.sql('select count(*) from users'), users)
})

// Attack: an attacker uses the known email addresses of demo users on a gateway that has real users.
t.test('the gateway does not seed the demo into a database that has users', async (t) => {
  const elsewhere = t.testdir()
  t.equal(await seedDemo(gateway.stores, elsewhere, 'http://localhost:8000'), undefined)
  t.notOk(existsSync(join(elsewhere, 'demo.env')))
})
