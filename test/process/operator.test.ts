import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { FILE_MS_MAX, scratchFolder, startGatewayProcess, startScript, type Variables } from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)
const PASSWORD = 'quartz-lantern-meadow-47'
const email = 'first@people.example'

// With PostgreSQL the command uses a test database and the login of the gateway. Embedded, it uses a data folder.
const gateway = process.env.TEST_DATABASE_URL === undefined ? undefined : await startGateway()
t.teardown(() => gateway?.close())
const DATA_DIR = scratchFolder(t)
const database: Variables = gateway === undefined ? { DATA_DIR } : { DATABASE_URL: String(gateway.test_database.url) }

const operator = (args: readonly string[], { env = {}, input = '' }: { env?: Variables; input?: string } = {}) =>
  startScript(t, 'operator', args, { ...database, ...env }, input).exit

t.test('the command creates the first operator with a password from standard input', async (t) => {
  const made = await operator(['create', '--email', 'First@People.Example', '--name', 'The First'], {
    input: `${PASSWORD}\n`,
  })
  t.same(made, { code: 0, stdout: `${email} is a user now, and an operator with every privilege\n`, stderr: '' })
})

// Attack: an attacker who may run commands makes an operator of an existing user, with the email address but no password.
t.test('an existing user becomes an operator only with their own password', async (t) => {
  const wrong = await operator(['create', '--email', email], { env: { OPERATOR_PASSWORD: 'another-guess-of-mine-12' } })
  t.equal(wrong.code, 1)
  t.equal(wrong.stderr, `${email} exists, and this is not their password: nothing was changed\n`)
  const right = await operator(['create', '--email', email], { env: { OPERATOR_PASSWORD: PASSWORD } })
  t.same(right, { code: 0, stdout: `${email} is an operator with every privilege\n`, stderr: '' })
})

t.test('the command refuses invalid input with a message and creates nothing', async (t) => {
  const common = { OPERATOR_PASSWORD: 'password1234567' }
  for (const [args, env, says] of [
    [['create', '--email', 'other@people.example'], common, /^password is common or easy to guess[^\n]*\n$/],
    [['create', '--email', 'other@people.example'], {}, /^OPERATOR_PASSWORD: no password was given\n$/],
    [['create', '--email', 'nobody'], common, /^--email must be an address\n/],
    [['create', '--emial', 'x'], common, /--emial/],
    [[], {}, /^usage: /],
  ] as const) {
    const { code, stderr, stdout } = await operator(args, { env })
    t.equal(code, 1)
    t.match(stderr, says)
    t.equal(stdout, '')
  }
})

t.test('--help prints the usage', async (t) => {
  const { code, stdout, stderr } = await operator(['--help'])
  t.same({ code, stderr }, { code: 0, stderr: '' })
  t.match(stdout, /^usage: npm run operator -- create/)
})

t.test('signing-key prints a new private key each time, and nothing else', async (t) => {
  const [one, other] = await Promise.all([operator(['signing-key']), operator(['signing-key'])])
  const key = JSON.parse(one.stdout).keys[0]
  t.match(key, { kty: 'EC', crv: 'P-256', alg: 'ES256', d: /^[\w-]{43}$/ })
  t.not(one.stdout, other.stdout)
})

t.test('200 the operator logs in and lists the users, and the audit holds the changes of the command', async (t) => {
  const url = gateway === undefined ? (await startGatewayProcess(t, { DATA_DIR })).url : gateway.url
  const login = await ask({ url }, '/v1/auth/login', { body: { email, password: PASSWORD } })
  t.match(login.body, { user: { email, name: 'The First', is_operator: true } })
  const headers = { authorization: `Bearer ${login.body.access}` }
  const users = await ask({ url }, '/v1/platform/users', { headers })
  t.equal(users.status, 200)
  t.same(
    users.body.data.map((user: { email: string }) => user.email),
    [email],
    'no demo in a database with a user',
  )
  if (gateway === undefined) return
  const events = await gateway.sql(
    `select action from audit_events where actor_id = 'operator-command' order by created_at`,
  )
  t.same(
    events.map(({ action }) => action),
    ['user.created', 'operator.offered', 'operator.accepted', 'operator.updated'],
  )
})
