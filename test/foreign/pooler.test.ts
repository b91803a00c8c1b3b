import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld, keyHeaders } from '../helpers/world.js'
import { FILE_MS_MAX, type GatewayProcess, startGatewayProcess, startScript } from '../process/gateway-process.js'
import { startPgbouncer } from './pgbouncer.js'

const REQUESTS = 240
const AT_ONCE = 24

t.setTimeout(FILE_MS_MAX)
const signing_keys = generateSigningKeys()
// Makes the world and no request of the test.
const maker = await startGateway({ signing_keys })
t.teardown(() => maker.close())
const world = await buildWorld(maker)
const { acme } = world
const owner = await world.bearer('owner')
const agent = await world.as('agent')
await maker.app.close()
if (maker.test_database.url === undefined) throw new Error('set TEST_DATABASE_URL: an embedded database has no pooler')
const login = `gatehouse_pooled_${process.pid}`
await maker.sql(`create role ${login} login noinherit password '${login}'`)
await maker.sql(`grant gatehouse_tenant, gatehouse_platform to ${login}`)
t.teardown(() => maker.sql(`drop role ${login}`))
const direct = new URL(maker.test_database.url)
Object.assign(direct, { username: login, password: login })
const session_url = await startPgbouncer(t, direct.href, 'session')
const transaction_url = await startPgbouncer(t, direct.href, 'transaction')
const variables = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  PUBLIC_URL: 'http://gateway.test',
  JWT_SIGNING_KEYS: signing_keys,
  LOG_LEVEL: 'warn',
  BUDGET_USER: '100000/60',
}
const refusal = async (more: Record<string, string>) => {
  const { code, stderr } = await startScript(t, 'main', [], { ...variables, PORT: '0', ...more }).exit
  return `${code} ${stderr}`
}

/** Sends reads and writes of both planes, many at once. @returns those that did not succeed */
async function load(gateway: GatewayProcess): Promise<string[]> {
  const kinds = [
    () => ask(gateway, '/v1/customers?limit=2', { headers: agent }),
    () => ask(gateway, '/v1/customers', { headers: agent, body: { name: 'Pooled' } }),
    () => ask(gateway, `/v1/tenants/${acme.id}/members`, { headers: owner }),
    () => ask(gateway, '/v1/me', { headers: owner }),
    () => ask(gateway, '/v1/access', { headers: agent }),
    () => ask(gateway, `/v1/tenants/${acme.id}/keys`, { headers: owner, body: { name: 'Pooled', scopes: [] } }),
  ]
  const failed: string[] = []
  let next = 0
  const work = async () => {
    while (next < REQUESTS) {
      const index = next++
      const { status, text } = await (kinds[index % kinds.length] as (typeof kinds)[0])()
      // Keys and customers of a tenant wait for its audit chain, and give up when the machine is busy.
      if (status >= 300 && status !== 503 && !text.includes('limit_reached'))
        failed.push(`${index % kinds.length}: ${status} ${text}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return failed
}

/** A key that was revoked is refused by the next request, so the connection that listens works too. */
async function revokes(gateway: GatewayProcess): Promise<number> {
  const { body } = await ask(gateway, `/v1/tenants/${acme.id}/keys`, {
    headers: owner,
    body: { name: 'Doomed', scopes: [] },
  })
  const headers = { ...agent, ...keyHeaders({ id: acme.id, key: body.key }) }
  const before = await ask(gateway, '/v1/access', { headers })
  if (before.status !== 200) throw new Error(before.text)
  const path = `/v1/tenants/${acme.id}/keys/${body.id}`
  const answer = await ask(gateway, path, { method: 'DELETE', headers: owner })
  if (answer.status >= 300) throw new Error(answer.text)
  return (await ask(gateway, '/v1/access', { headers })).status
}

t.test('through a pooler in session mode, as it comes, everything works', async (t) => {
  const gateway = await startGatewayProcess(t, { ...variables, DATABASE_URL: session_url })
  t.same(await load(gateway), [])
  t.equal(await revokes(gateway), 401)
  t.match((await ask(gateway, '/readyz')).body, { checks: { lease: 'valid' } })
  gateway.child.kill('SIGTERM')
  t.equal((await gateway.exit).code, 0)
})

// Otherwise the gateway would be ready, and some of its requests would fail.
t.test('a pooler in transaction mode stops the start with one line, unless the configuration names it', async (t) => {
  t.match(
    await refusal({ DATABASE_URL: transaction_url }),
    /^1 gatehouse: DATABASE_URL: the pooler is in transaction mode; use its session mode, or set .*\n$/,
  )
  t.match(
    await refusal({ DATABASE_URL: transaction_url, DATABASE_POOLER: 'transaction' }),
    /^1 gatehouse: DATABASE_DIRECT_URL: must be set .*\n$/,
  )
  t.match(
    await refusal({
      DATABASE_URL: transaction_url,
      DATABASE_POOLER: 'transaction',
      DATABASE_DIRECT_URL: transaction_url,
    }),
    /^1 gatehouse: DATABASE_DIRECT_URL: must lead to the server itself.*\n$/,
  )
  const lacking = await refusal({
    DATABASE_URL: transaction_url,
    DATABASE_POOLER: 'transaction',
    DATABASE_DIRECT_URL: direct.href,
  })
  t.match(
    lacking,
    /^1 gatehouse: DATABASE_POOLER: the login lacks settings; .*alter role .* set statement_timeout = '5s'.*\n$/,
  )
  for (const statement of /: (alter role .*)\n$/.exec(lacking)?.[1]?.split('; ') ?? []) await maker.sql(statement)
})

t.test('through a pooler in transaction mode that the configuration names, everything works', async (t) => {
  // Another pooler, because the sessions of the first one have the old settings of the login.
  const url = await startPgbouncer(t, direct.href, 'transaction')
  const gateway = await startGatewayProcess(t, {
    ...variables,
    DATABASE_URL: url,
    DATABASE_POOLER: 'transaction',
    DATABASE_DIRECT_URL: direct.href,
  })
  t.same(await load(gateway), [])
  t.equal(await revokes(gateway), 401)
  t.match((await ask(gateway, '/readyz')).body, { checks: { lease: 'valid' } })
  gateway.child.kill('SIGTERM')
  t.equal((await gateway.exit).code, 0)
})
