import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { t } from '../helpers/t.js'
import {
  FILE_MS_MAX,
  freePort,
  initialisedFolder,
  readDemo,
  runProgram,
  scratchFolder,
  startGatewayProcess,
  startProgram,
  startScript,
  until,
  WIDE,
  whenReady,
} from './gateway-process.js'

const VARIABLES =
  'GATEWAY_URL TENANT_ID TENANT_API_KEY INTEGRATION_API_KEY OTHER_TENANT_ID OTHER_TENANT_API_KEY OPERATOR_EMAIL OPERATOR_PASSWORD OWNER_EMAIL OWNER_PASSWORD AGENT_EMAIL AGENT_PASSWORD ANALYST_EMAIL ANALYST_PASSWORD STRANGER_EMAIL STRANGER_PASSWORD'

t.setTimeout(FILE_MS_MAX)
const DATA_DIR = scratchFolder(t)
const modeOf = (file: string) => statSync(join(DATA_DIR, file)).mode & 0o777
const first: { demo: Record<string, string>; keys: string } = { demo: {}, keys: '' }

t.test('npm start on an empty folder says each step, and ends with a command that works as printed', async (t) => {
  const port = await freePort()
  const npm = startProgram(t, 'npm', ['start', '--silent'], { ...WIDE, DATA_DIR, PORT: port })
  await whenReady(npm, port)
  await until(() => npm.stderr().includes('curl '))
  t.match(
    npm.stderr(),
    /^creating the database \.\.\.\nseeding the demo \.\.\.\n\nGatehouse is ready at http:\/\/localhost:\d+\n/m,
  )
  t.match(npm.stderr(), `API reference  http://localhost:${port}/docs\n`)
  t.notMatch(npm.stderr(), '\u001b', 'no colours where no terminal is')
  const commands = npm.stderr().match(/^curl .*$/gm) ?? []
  t.equal(commands.length, 1)
  const { stdout, stderr } = await runProgram(t, 'sh', ['-c', `${commands[0]} -sS -w '\\n%{http_code}'`])
  t.match(stdout, /^\{"data":\[\{.*\n200$/s, stderr)
  const lines = npm.stdout().trim().split('\n')
  t.ok(
    lines.every((line) => typeof JSON.parse(line) === 'object'),
    'standard output has only lines of the log',
  )

  t.test('npm start forwards the signal, and the gateway shuts down gracefully', async (t) => {
    process.kill(npm.child.pid as number, 'SIGTERM')
    const { code, stdout } = await npm.exit
    t.equal(code, 0)
    t.match(stdout, /"msg":"stopped"/)
    t.notOk(existsSync(`${DATA_DIR}.lock`), 'the lock of the folder is removed')
  })
})

// Attack: another user of the machine reads passwords and keys, or signs tokens with the signing key.
t.test('only the owner of the folder can read its secrets', async (t) => {
  first.demo = readDemo(DATA_DIR)
  first.keys = readFileSync(join(DATA_DIR, 'signing-keys.json'), 'utf8')
  for (const name of VARIABLES.split(' ')) t.ok(first.demo[name], `${name} is in demo.env`)
  t.equal(modeOf('demo.env'), 0o600)
  t.equal(modeOf('signing-keys.json'), 0o600)
  t.equal(modeOf('.'), 0o700)
})

t.test('a second start finds the same tenants, passwords and signing keys', async (t) => {
  const gateway = await startGatewayProcess(t, { DATA_DIR })
  await until(() => gateway.stderr().includes('curl '))
  t.notMatch(gateway.stderr(), 'seeding')
  const demo = readDemo(DATA_DIR)
  t.same(demo, { ...first.demo, GATEWAY_URL: `http://localhost:${gateway.port}` }, 'all but the port is equal')
  t.equal(modeOf('demo.env'), 0o600)
  t.equal(readFileSync(join(DATA_DIR, 'signing-keys.json'), 'utf8'), first.keys)

  // If two processes used one folder, they would overwrite each other and lose committed rows.
  t.test('a second process on the same folder ends with one line on stderr', async (t) => {
    const second = await startScript(t, 'main', [], { DATA_DIR, PORT: await freePort() }).exit
    t.equal(second.code, 1)
    t.equal(
      second.stderr,
      `gatehouse: DATA_DIR: ${DATA_DIR} is in use by process ${gateway.child.pid}; stop it, or start this one with another DATA_DIR\n`,
    )
    t.equal((await fetch(`${gateway.url}/readyz`)).status, 200, 'the first process')
  })

  t.test('a command on the folder of a running gateway ends with one line on stderr', async (t) => {
    const operator = await startScript(t, 'operator', ['create', '--email', 'a@b.example'], { DATA_DIR }).exit
    t.equal(operator.code, 1)
    t.match(operator.stderr, /^DATA_DIR: .* is in use by process \d+; stop it.*\n$/)
  })

  // docs.test.ts runs every script of the folder.
  t.test('a script of scripts/curl stops with an error at an unexpected response', async (t) => {
    const wrong = `. scripts/curl/common.sh; ask 200 GET /v1/me; echo went on`
    const { code, stdout, stderr } = await runProgram(t, 'sh', ['-c', wrong], { DATA_DIR })
    t.equal(code, 1)
    t.match(stderr, 'expected 200, got 401')
    t.notMatch(stdout, 'went on')
  })
})

// Attack: an attacker logs in to a production gateway as a demo user, whose email address is known.
t.test('the gateway seeds no demo in production', async (t) => {
  const data_dir = await initialisedFolder(t)
  const gateway = await startGatewayProcess(t, {
    DATA_DIR: data_dir,
    HOST: '127.0.0.1',
    NODE_ENV: 'production',
    PUBLIC_URL: 'https://api.example.com',
    JWT_SIGNING_KEYS: generateSigningKeys(),
  })
  t.notOk(existsSync(join(data_dir, 'demo.env')))
  t.notMatch(gateway.stdout() + gateway.stderr(), /curl|ready at/)
  const login = { email: 'operator@gatehouse.example', password: first.demo.OPERATOR_PASSWORD }
  const answer = await fetch(`${gateway.url}/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(login),
  })
  t.equal(answer.status, 401)
})

// If the seeding of the demo was interrupted, the database has users whose passwords were not written to the file.
t.test('an unfinished demo stops the start, and the message says what to do', async (t) => {
  writeFileSync(join(DATA_DIR, 'demo.env.unfinished'), '')
  rmSync(join(DATA_DIR, 'demo.env'))
  const { code, stderr } = await startScript(t, 'main', [], { DATA_DIR, PORT: await freePort() }).exit
  t.equal(code, 1)
  t.equal(stderr, `gatehouse: DATA_DIR: the demo in ${DATA_DIR} was not finished; remove the folder and start again\n`)
})
