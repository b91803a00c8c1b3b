import { randomBytes } from 'node:crypto'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { t } from '../helpers/t.js'
import { demoFolder, FILE_MS_MAX, startGatewayProcess, startScript } from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)

/** Returns a random word that only the test can have written. */
const plant = (where: string) => `${where}${randomBytes(9).toString('hex')}`

// Attack: a reader of the log logs in with a secret from it. The gateway logs only chosen fields, and redacts text in
// the format of a credential. The words of this test have no such format, so only the choice of fields keeps them out.
t.test('the log holds no secret at level trace', async (t) => {
  const DATA_DIR = await demoFolder(t)
  const email = 'root@people.example'
  const password = plant('password')
  const signing_keys = generateSigningKeys()
  const made = startScript(t, 'operator', ['create', '--email', email], { DATA_DIR }, `${password}\n`)
  t.match(await made.exit, { code: 0 })
  const gateway = await startGatewayProcess(t, {
    DATA_DIR,
    LOG_LEVEL: 'trace',
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PUBLIC_URL: 'https://api.example.com',
    JWT_SIGNING_KEYS: signing_keys,
  })
  const secrets = new Map([
    ['password', password],
    ['signing key', JSON.parse(signing_keys).keys[0].d],
  ])
  const planted = (where: string, word = plant(where)) => {
    secrets.set(where, word)
    return word
  }
  const json = { 'content-type': 'application/json' }
  const send = async (status: number, path: string, init: RequestInit = {}) => {
    const response = await fetch(gateway.url + path, init)
    const text = await response.text()
    t.equal(response.status, status, text)
    return text
  }
  const post = async (status: number, path: string, body: unknown, headers: Record<string, string> = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return JSON.parse(await send(status, path, { method: 'POST', headers: { ...json, ...headers }, body: text }))
  }

  const login = await post(200, '/v1/auth/login', { email, password })
  const next = await post(200, '/v1/auth/refresh', { refresh: planted('refresh token', login.refresh) })
  planted('next refresh token', next.refresh)
  const bearer = { authorization: `Bearer ${planted('access token', login.access)}` }
  const { tenant, key } = await post(201, '/v1/tenants', { name: 'Acme' }, bearer)
  const headers = { 'x-tenant-id': tenant.id, 'x-tenant-api-key': planted('tenant key', key) }
  await send(200, '/v1/customers', { headers: { ...headers, ...bearer } })
  await send(403, '/v1/customers', { headers })

  await post(401, '/v1/auth/login', { email, password: planted('wrong password') })
  await post(401, '/v1/auth/refresh', { refresh: planted('wrong refresh token') })
  await send(401, '/v1/customers', { headers: { ...headers, 'x-tenant-api-key': planted('wrong key') } })
  await send(401, '/v1/customers', { headers: { ...headers, authorization: `Bearer ${planted('wrong token')}` } })
  await send(401, '/v1/me', { headers: { cookie: `session=${planted('cookie')}`, 'x-any': planted('header') } })
  await send(200, '/livez', { headers: { 'user-agent': planted('agent'), referer: `http://x/?${planted('referer')}` } })
  await send(400, `/v1/customers?search=${planted('query')}&nonsense=1`, { headers: { ...headers, ...bearer } })
  await send(400, `/v1/customers?key=${key}`, { headers })
  await send(404, `/nowhere?q=${planted('query of no route')}`)
  await post(400, '/v1/auth/login', `{"email":"${email}","password":"${planted('malformed body')}`)
  await post(400, '/v1/auth/login', { email, password, [planted('unknown field')]: planted('its value') })
  await post(400, '/v1/customers', { name: planted('unstorable text').concat('\u0000') }, { ...headers, ...bearer })

  gateway.child.kill('SIGTERM')
  const { code, stdout, stderr } = await gateway.exit
  t.equal(code, 0)
  t.equal(stderr, '')
  const lines = stdout.trim().split('\n')
  t.ok(
    lines.every((line) => typeof JSON.parse(line) === 'object'),
    'every line is JSON',
  )
  const requests = lines.filter((line) => line.includes('"msg":"request"'))
  t.ok(requests.length >= 18, 'a line for every request')
  for (const [where, secret] of secrets) {
    t.equal(
      lines.find((line) => line.includes(secret)),
      undefined,
      `${where} is not in the log`,
    )
  }
})

// Attack: a reader of the log finds the password of the database in an error of the driver with the connection string.
t.test('the output does not hold the password of DATABASE_URL if the server is down or refuses it', async (t) => {
  const JWT_SIGNING_KEYS = generateSigningKeys()
  const server = new URL(process.env.TEST_DATABASE_URL ?? 'postgres://127.0.0.1:1/none')
  for (const [port, database] of [
    [server.port, `none_${plant('database')}`],
    ['1', 'none'],
  ]) {
    const password = plant('password')
    const DATABASE_URL = `postgres://nobody:${password}@127.0.0.1:${port}/${database}`
    const env = { DATABASE_URL, JWT_SIGNING_KEYS, LOG_LEVEL: 'trace' }
    for (const program of ['main', 'migrate'] as const) {
      const { code, stdout, stderr } = await startScript(t, program, [], env).exit
      t.equal(code, 1)
      t.match(stderr, /^[^\n]+\n$/, 'one line')
      t.notMatch(stdout + stderr, password)
    }
  }
})
