import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { t } from '../helpers/t.js'
import {
  demoFolder,
  FILE_MS_MAX,
  type Finished,
  freePort,
  scratchFolder,
  startGatewayProcess,
  startScript,
  type Variables,
} from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)
const VALUE = 'planted-8c41d07e'
const POSTGRES = `postgres://gatehouse:${VALUE}@127.0.0.1:1/none`

/** The variable that the message must name, and the environment with the mistake. */
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

// Attack: a reader of a ticket finds the database password in the output of a failed start that an operator pasted.
t.test(
  'a mistake in the configuration stops the start with one line that names the variable, not its value',
  async (t) => {
    const DATA_DIR = scratchFolder(t)
    const ends = await inPairs(
      MISTAKES.map(
        ([, env]) =>
          () =>
            startScript(t, 'main', [], { DATA_DIR, ...env }).exit,
      ),
    )
    for (const [position, [name]] of MISTAKES.entries()) {
      const { code, stdout, stderr } = ends[position] as Finished
      t.equal(code, 1, `${name}: exit code`)
      t.match(stderr, new RegExp(`^gatehouse: ${name}: [^\\n]+\\n$`))
      t.notMatch(stdout + stderr, VALUE)
    }
  },
)

t.test('a system error at the start is one line on stderr', async (t) => {
  const unreachable = await startScript(t, 'main', [], {
    DATABASE_URL: POSTGRES,
    JWT_SIGNING_KEYS: generateSigningKeys(),
  }).exit
  t.equal(unreachable.code, 1)
  t.equal(
    unreachable.stderr,
    'gatehouse: connect ECONNREFUSED 127.0.0.1:1; no server listens at the address in DATABASE_URL\n',
  )

  const gateway = await startGatewayProcess(t, { DATA_DIR: await demoFolder(t) })
  // The server of the metrics and the jobs run already. They must not keep the process running.
  const taken = await startScript(t, 'main', [], {
    DATA_DIR: await demoFolder(t),
    PORT: gateway.port,
    METRICS_PORT: await freePort(),
  }).exit
  t.equal(taken.code, 1)
  t.notMatch(taken.stdout, '"level":"error"')
  t.match(
    taken.stderr,
    /^gatehouse: listen EADDRINUSE: [^\n]+:\d+; stop the process that listens there, or set another PORT[^\n]+\n$/,
  )
})

/** Runs two functions at a time, because a small machine has two cores. */
async function inPairs<T>(works: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = []
  for (let at = 0; at < works.length; at += 2) {
    results.push(...(await Promise.all(works.slice(at, at + 2).map((work) => work()))))
  }
  return results
}
