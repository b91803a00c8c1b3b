import { writeFileSync } from 'node:fs'
import t from 'tap'
import { generateSigningKeys } from '../../src/config/secrets.js'
import {
  FILE_MS_MAX,
  readDemo,
  scratchFolder,
  startGatewayProcess,
  startScript,
  until,
  type Variables,
} from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)
const VALUE = 'planted-8c41d07e'
const POSTGRES = `postgres://gatehouse:${VALUE}@127.0.0.1:1/none`

/** What is set, and the variable that the one line must name. */
const MISTAKES: readonly (readonly [name: string, env: Variables])[] = [
  ['PORT', { PORT: VALUE }],
  ['DATABASE_URL', { DATABASE_URL: `mysql://root:${VALUE}@127.0.0.1/x` }],
  ['REDIS_URL', { REDIS_URL: `http://${VALUE}` }],
  ['PUBLIC_URL', { PUBLIC_URL: `https://example.com/${VALUE}` }],
  ['JWT_SIGNING_KEYS', { JWT_SIGNING_KEYS: `{"keys":[{"kty":"oct","k":"${VALUE}"}]}` }],
  ['JWT_SIGNING_KEYS', { JWT_SIGNING_KEYS: `{${VALUE}` }],
  ['JWT_SIGNING_KEYS', { JWT_SIGNING_KEYS: `/nowhere/${VALUE}` }],
  ['JWT_SIGNING_KEYS', { DATABASE_URL: POSTGRES }],
  ['JWT_SIGNING_KEYS', { NODE_ENV: 'production', PUBLIC_URL: 'https://api.example.com' }],
  ['PUBLIC_URL', { NODE_ENV: 'production', JWT_SIGNING_KEYS: generateSigningKeys() }],
  ['TRUST_PROXY', { TRUST_PROXY: 'true' }],
  ['CORS_ORIGINS', { CORS_ORIGINS: `https://${VALUE}.example/path` }],
  ['ALLOW_REGISTRATION', { ALLOW_REGISTRATION: VALUE }],
  ['LOG_LEVEL', { LOG_LEVEL: VALUE }],
  ['REFRESH_TOKEN_SECONDS', { REFRESH_TOKEN_SECONDS: '60' }],
  ['BUDGET_TENANT', { BUDGET_TENANT: `${VALUE}/60` }],
  ['BUDGET_TENNANT', { BUDGET_TENNANT: '10/60' }],
]

// Attack: the log of a failed start, which somebody pastes into a ticket with the password of the database in it.
t.test(
  'a mistake in the configuration ends the start with one line that names the variable, not its value',
  async (t) => {
    const DATA_DIR = scratchFolder(t)
    for (const [name, env] of MISTAKES) {
      const { code, stdout, stderr } = await startScript(t, 'src/main', [], { DATA_DIR, ...env }).exit
      t.equal(code, 1, `${name}: exit code`)
      t.match(stderr, new RegExp(`^gatehouse: ${name}: [^\\n]+\\n$`))
      t.notMatch(stdout + stderr, VALUE)
    }
  },
)

t.test('what the system says to a start is one line too', async (t) => {
  const unreachable = await startScript(t, 'src/main', [], {
    DATABASE_URL: POSTGRES,
    JWT_SIGNING_KEYS: generateSigningKeys(),
  }).exit
  t.equal(unreachable.code, 1)
  t.equal(unreachable.stderr, 'gatehouse: ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:1\n')

  const gateway = await startGatewayProcess(t, { DATA_DIR: scratchFolder(t) })
  const taken = await startScript(t, 'src/main', [], { DATA_DIR: scratchFolder(t), PORT: gateway.port }).exit
  t.equal(taken.code, 1)
  t.match(taken.stderr, /^gatehouse: EADDRINUSE: [^\n]+\n$/)
})

// Attack: a signing key that leaked. It must be possible to replace it without signing everybody out, and then to
// take it away, so that what was signed with it is worth nothing.
t.test('signing keys rotate: the new one signs, the old one verifies until it is taken away', async (t) => {
  const DATA_DIR = scratchFolder(t)
  const file = `${DATA_DIR}-keys.json`
  const [old_key] = JSON.parse(generateSigningKeys()).keys
  const [new_key] = JSON.parse(generateSigningKeys()).keys
  const keys = (...list: object[]) => JSON.stringify({ keys: list })
  const start = async (JWT_SIGNING_KEYS: string) => {
    // The issuer names the port, so it stays the same.
    const gateway = await startGatewayProcess(t, { DATA_DIR, JWT_SIGNING_KEYS, PUBLIC_URL: 'http://gateway.test' })
    const get = (path: string, access?: string) =>
      fetch(gateway.url + path, access === undefined ? {} : { headers: { authorization: `Bearer ${access}` } })
    return {
      me: async (access: string) => (await get('/v1/me', access)).status,
      kids: async () => {
        const { keys } = (await (await get('/.well-known/jwks.json')).json()) as { keys: { kid: string; d?: string }[] }
        t.ok(keys.every((key) => key.d === undefined))
        return keys.map((key) => key.kid)
      },
      async login() {
        await until(() => gateway.stdout().includes('# log in'))
        const { AGENT_EMAIL: email, AGENT_PASSWORD: password } = readDemo(DATA_DIR)
        const answer = await fetch(`${gateway.url}/v1/auth/login`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ email, password }),
        })
        return ((await answer.json()) as { access: string }).access
      },
      async stop() {
        gateway.child.kill('SIGTERM')
        t.equal((await gateway.exit).code, 0)
      },
    }
  }
  const kidOf = (access: string) => JSON.parse(Buffer.from(access.split('.')[0] ?? '', 'base64url').toString()).kid

  const before = await start(keys(old_key))
  const old_access = await before.login()
  await before.stop()

  writeFileSync(file, keys(new_key, old_key), { mode: 0o600 })
  const during = await start(file)
  const kids = await during.kids()
  t.equal(kids.length, 2)
  t.equal(kids[1], kidOf(old_access))
  t.equal(await during.me(old_access), 200)
  const new_access = await during.login()
  t.equal(kidOf(new_access), kids[0])
  await during.stop()

  const after = await start(keys(new_key))
  t.same(await after.kids(), [kids[0]])
  t.equal(await after.me(new_access), 200)
  t.equal(await after.me(old_access), 401)
  await after.stop()
})
