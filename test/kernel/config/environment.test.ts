import fc from 'fast-check'
import { configure } from '../../../src/kernel/config/config.js'
import { ConfigurationError, readEnvironment } from '../../../src/kernel/config/env.js'
import { BUDGETS } from '../../../src/kernel/limits/budgets.js'
import { t } from '../../helpers/t.js'

const SECRET = 'planted-secret-6'
const read = (variables: Record<string, string>) => configure(readEnvironment(variables))

/** The message of the error that these variables cause. */
function refusal(variables: Record<string, string>): string {
  try {
    read(variables)
  } catch (error) {
    if (error instanceof ConfigurationError) return String(error)
    throw error
  }
  throw new Error(`taken: ${JSON.stringify(variables)}`)
}

/** Invalid values of each variable. Each could be a secret that an operator pasted into the wrong variable. */
const BAD: Record<string, string[]> = {
  NODE_ENV: [SECRET, 'Production', 'prod'],
  PORT: [SECRET, '-1', '65536', '80.5', '80 81'],
  WORKERS: [SECRET, '0', '65', '1.5', 'auto'],
  DATABASE_URL: [SECRET, `mysql://user:${SECRET}@db/x`, `https://${SECRET}`],
  DATABASE_POOLER: [SECRET, 'none', 'Transaction'],
  DATABASE_DIRECT_URL: [SECRET, `mysql://user:${SECRET}@db/x`],
  DATABASE_POOL_MAX: [SECRET, '0', '201', '1.5'],
  REDIS_URL: [SECRET, `http://user:${SECRET}@redis`],
  PUBLIC_URL: [
    SECRET,
    `https://user@example.com/${SECRET}`,
    'https://example.com/path',
    'https://example.com?x',
    'ftp://x',
  ],
  APP_URL: [
    SECRET,
    `https://user:${SECRET}@example.com`,
    'https://example.com/app?x',
    'https://example.com#x',
    'https://example.com/a b',
    'https://exa mple.com',
    'https://[::1',
    'app.example.com',
    'javascript:alert(1)',
  ],
  ACCESS_TOKEN_SECONDS: [SECRET, '0', '29', '86401', '1h'],
  REFRESH_TOKEN_SECONDS: [SECRET, '59', '31536001', '7d'],
  TRUST_PROXY: [SECRET, 'true', '1', '*', 'loopback', '10.0.0.0/33', '10.0.0.1,true', '10.0.0.1 10.0.0.2'],
  CORS_ORIGINS: [
    SECRET,
    '*',
    'null',
    'example.com',
    'https://example.com/',
    'https://EXAMPLE.com',
    'https://*.example.com',
    'https://*',
    'capacitor://localhost/',
    'capacitor://*',
    'file://',
    'ws://example.com',
    `https://a.example,${SECRET}`,
  ],
  ALLOW_REGISTRATION: [SECRET, 'yes', 'TRUE', '2'],
  ALLOW_TENANTS: [SECRET, 'no', 'FALSE', '2'],
  LOG_LEVEL: [SECRET, 'verbose', 'INFO'],
  ...Object.fromEntries(
    Object.values(BUDGETS).map(({ variable }) => [
      variable,
      [
        SECRET,
        '100',
        '100/',
        '/60',
        '-1/60',
        '1.5/60',
        '100/0',
        '1e3/60',
        '100 / 60',
        '100/60/60',
        '99999999/60',
        '01/60',
      ],
    ]),
  ),
}

// Attack: a reader of the start log finds a secret that an operator put into the wrong variable.
t.test('an invalid value stops the start with one line that names the variable and not the value', (t) => {
  for (const [variable, values] of Object.entries(BAD)) {
    for (const value of values) {
      const line = refusal({ [variable]: value })
      t.match(line, new RegExp(`^${variable}: must `), `${variable}=${value}: ${line}`)
      t.notOk(/\n/.test(line), 'one line')
      t.notOk(line.includes(SECRET), 'without the value')
    }
  }
  const known = Object.keys(BAD).length
  t.ok(known >= 19, `${known} variables`)
  t.end()
})

t.test('an unknown budget stops the start, because its operator expects it to be in force', (t) => {
  for (const variable of ['BUDGET_TENNANT', 'BUDGET_', 'BUDGET_LOGIN', 'BUDGET_ADDRESS_MAX', 'BUDGET___proto__']) {
    t.equal(refusal({ [variable]: '100/60' }), `${variable}: there is no such budget`)
  }
  t.end()
})

t.test('variables that contradict each other, or lack another variable, stop the start', (t) => {
  const contradiction = (variables: Record<string, string>, variable: string) => {
    const line = refusal(variables)
    t.match(line, new RegExp(`^${variable}: must `), line)
    t.notOk(line.includes(SECRET))
  }
  const url = `postgres://user:${SECRET}@db/x`
  contradiction({ ACCESS_TOKEN_SECONDS: '3600', REFRESH_TOKEN_SECONDS: '3600' }, 'REFRESH_TOKEN_SECONDS')
  contradiction({ ACCESS_TOKEN_SECONDS: '7200', REFRESH_TOKEN_SECONDS: '3600' }, 'REFRESH_TOKEN_SECONDS')
  contradiction({ DATABASE_URL: url }, 'JWT_SIGNING_KEYS')
  contradiction({ DATABASE_POOLER: 'transaction' }, 'DATABASE_DIRECT_URL')
  contradiction({ NODE_ENV: 'production', PUBLIC_URL: 'https://x.example' }, 'JWT_SIGNING_KEYS')
  contradiction({ NODE_ENV: 'production', JWT_SIGNING_KEYS: 'keys.json' }, 'PUBLIC_URL')
  t.end()
})

t.test('the defaults are: embedded, on loopback, no trusted proxy, no origin, no registration', (t) => {
  t.match(read({}), {
    production: false,
    host: '127.0.0.1',
    port: 8000,
    workers: 1,
    public_url: 'http://localhost:8000',
    link_url: 'http://localhost:8000',
    storage: { engine: 'embedded', data_dir: '.data' },
    access_token_seconds: 3600,
    refresh_token_seconds: 604_800,
    trusted_proxies: [],
    cors_origins: [],
    allow_registration: false,
    log_level: 'info',
    redis_url: undefined,
    budgets: { address: { quota: 6000, window_seconds: 60 }, key: { quota: 0 } },
  })
  const blank = Object.fromEntries(
    [...Object.keys(BAD), 'HOST', 'DATA_DIR', 'JWT_SIGNING_KEYS'].map((name) => [name, '']),
  )
  t.same(read(blank), read({}), 'an empty variable is absent')
  t.same(read({ PATH: '/bin', HOME: '/root', UNRELATED: SECRET }), read({}), 'unrelated variables are ignored')
  t.end()
})

t.test('the configuration has the values of the variables', (t) => {
  t.match(
    read({
      NODE_ENV: 'production',
      PUBLIC_URL: 'https://api.example.com',
      APP_URL: 'https://app.example.com/account//',
      JWT_SIGNING_KEYS: 'keys.json',
      DATABASE_URL: 'postgresql://u@db:5432/gatehouse',
      DATABASE_POOL_MAX: '20',
      PORT: '9000',
      TRUST_PROXY: '10.0.0.1, 2001:db8::/32 ,,192.168.0.0/16',
      CORS_ORIGINS: 'https://a.example, http://localhost:5173, capacitor://localhost',
      ALLOW_REGISTRATION: 'true',
      ALLOW_TENANTS: 'false',
      BUDGET_TENANT: '5/1',
      BUDGET_KEY: '0/60',
    }),
    {
      production: true,
      host: '0.0.0.0',
      port: 9000,
      public_url: 'https://api.example.com',
      link_url: 'https://app.example.com/account',
      storage: { engine: 'pooled', url: 'postgresql://u@db:5432/gatehouse', connections_max: 20 },
      trusted_proxies: ['10.0.0.1', '2001:db8::/32', '192.168.0.0/16'],
      cors_origins: ['https://a.example', 'http://localhost:5173', 'capacitor://localhost'],
      allow_registration: true,
      budgets: { tenant: { quota: 5, window_seconds: 1 }, key: { quota: 0 } },
    },
  )
  t.equal(read({ HOST: '::1' }).host, '::1')
  t.end()
})

t.test('the start accepts a value, or refuses it with the name of the variable and without the value', (t) => {
  const variable = fc.constantFrom(...Object.keys(BAD))
  const value = fc.string({ minLength: 12, maxLength: 40, unit: 'grapheme-ascii' })
  fc.assert(
    fc.property(variable, value, (name, text) => {
      try {
        read({ [name]: text })
        return true
      } catch (error) {
        const line = String(error)
        return error instanceof ConfigurationError && line.startsWith(`${name}: `) && !line.includes(text)
      }
    }),
    { numRuns: 300 },
  )
  t.end()
})
