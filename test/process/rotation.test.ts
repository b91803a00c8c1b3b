import { writeFileSync } from 'node:fs'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { t } from '../helpers/t.js'
import { demoFolder, FILE_MS_MAX, readDemo, startGatewayProcess, until } from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)

// Attack: an attacker signs tokens with a leaked signing key. The operator must be able to replace the key without ending
// all sessions, and then to remove it, so that its tokens become invalid.
t.test('after a rotation the new signing key signs, and the old one verifies until it is removed', async (t) => {
  const DATA_DIR = await demoFolder(t)
  const file = `${DATA_DIR}-keys.json`
  const [old_key] = JSON.parse(generateSigningKeys()).keys
  const [new_key] = JSON.parse(generateSigningKeys()).keys
  const keys = (...list: object[]) => JSON.stringify({ keys: list })
  const start = async (JWT_SIGNING_KEYS: string) => {
    // The default issuer contains the port, which differs for each process. PUBLIC_URL keeps the issuer the same.
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
        await until(() => gateway.stderr().includes('curl '))
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
