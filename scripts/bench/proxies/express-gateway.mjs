// Starts express-gateway from the folder in which it was installed, with one API endpoint that requires a key.
// As in its own template, it stores users and keys in an emulated Redis in its process. So this script creates them in the
// same process before it listens.
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { FOLDER, PORT, ORIGIN, KEY_ID, KEY_SECRET } = process.env
const config = join(FOLDER, 'config')
const load = createRequire(join(FOLDER, 'package.json'))
const own = (path) => load(join(FOLDER, 'node_modules/express-gateway', path))

mkdirSync(join(config, 'models'), { recursive: true })
const write = (name, value) => writeFileSync(join(config, name), JSON.stringify(value))
for (const name of ['users', 'credentials', 'applications']) {
  write(`models/${name}.json`, own(`lib/config/models/${name}.json`))
}
write('system.config.json', {
  db: { redis: { emulate: true, namespace: 'EG' } },
  crypto: { cipherKey: 'sensitiveKey', algorithm: 'aes256', saltRounds: 10 },
  session: { secret: 'keyboard cat', resave: false, saveUninitialized: false },
  accessTokens: { timeToExpiry: 7200000 },
  refreshTokens: { timeToExpiry: 7200000 },
  authorizationCodes: { timeToExpiry: 300000 },
})
// The key has a header of its own, so all gateways get the same request.
const action = { apiKeyHeader: 'x-bench-key', disableHeadersScheme: true, disableQueryParam: true }
write('gateway.config.json', {
  http: { port: Number(PORT), hostname: '127.0.0.1' },
  apiEndpoints: { open: { host: '*', paths: '/' }, api: { host: '*', paths: '/bench/*' } },
  serviceEndpoints: { origin: { url: ORIGIN } },
  policies: ['key-auth', 'proxy'],
  pipelines: {
    open: { apiEndpoints: ['open'], policies: [{ proxy: [{ action: { serviceEndpoint: 'origin' } }] }] },
    api: {
      apiEndpoints: ['api'],
      policies: [{ 'key-auth': [{ action }] }, { proxy: [{ action: { serviceEndpoint: 'origin' } }] }],
    },
  },
})

process.env.EG_CONFIG_DIR = config
process.env.EG_DISABLE_CONFIG_WATCH = 'true'
process.env.LOG_LEVEL = 'warn'
await load('express-gateway')().load(config).run()
const { user, credential } = own('lib/services')
const { id } = await user.insert({ username: 'bench', firstname: 'B', lastname: 'B', email: 'b@bench.example' })
await credential.insertCredential(id, 'key-auth', { keyId: KEY_ID, keySecret: KEY_SECRET, scopes: [] })
process.once('SIGTERM', () => process.exit(0))
