import { sql as query } from 'drizzle-orm'
import type { Test } from 'tap'
import { answers } from '../../../src/kernel/database/answers.js'
import type { Statement } from '../../../src/kernel/database/database.js'
import { openPooled } from '../../../src/kernel/database/pooled.js'
import { tenant } from '../../../src/kernel/request/access.js'
import { openBus } from '../../../src/kernel/store/bus.js'
import { openTestDatabase, type TestDatabase } from '../../helpers/database.js'
import { startGateway } from '../../helpers/gateway.js'
import { openRawStores } from '../../helpers/raw-stores.js'
import { type Answer, ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const NOBODY = { actor: { kind: 'anonymous' as const, id: null }, address: null, user_agent: null, request_id: null }

function isUnavailable(t: Test, answer: Answer) {
  t.equal(answer.status, 503, answer.text)
  t.match(answer.body, { code: 'service_unavailable' })
  t.match(answer.headers.get('retry-after'), /^[1-9]/)
  t.notMatch(answer.text, /postgres|ECONN|127\.0\.0\.1|terminat|statement/i, 'no internal details')
}

// Attack: a caller sends requests while the gateway cannot read from its database whether they are allowed.
t.test('503 at once on every route that needs facts, while the database is down', async (t) => {
  const healthy = await startGateway()
  t.teardown(() => healthy.close())
  const world = await buildWorld(healthy)
  // Nothing listens on port 1.
  const dead = openPooled('postgres://nobody@127.0.0.1:1/none', 2, () => undefined)
  const on: TestDatabase = { ...healthy.test_database, database: dead }
  const signing_keys = JSON.stringify({ keys: [await privateKeyOf(healthy)] })
  const gateway = await startGateway({ on, signing_keys })
  t.teardown(() => gateway.close())
  const headers = await world.as('owner')
  const began = Date.now()
  const paths = ['/v1/customers', '/v1/access', '/v1/me', '/v1/platform/users', `/v1/tenants/${world.acme.id}/keys`]
  for (const path of paths) isUnavailable(t, await ask(gateway, path, { headers }))
  isUnavailable(t, await ask(gateway, '/v1/customers', { headers, body: { name: 'Somebody' } }))
  isUnavailable(t, await ask(gateway, '/v1/auth/login', { body: { email: 'owner@people.example', password: 'x' } }))
  t.ok(Date.now() - began < 5_000, `${Date.now() - began} ms for all requests`)

  t.equal((await ask(gateway, '/livez')).status, 200, 'the process is running')
  const ready = await ask(gateway, '/readyz')
  t.match(ready, { status: 503, body: { checks: { database: 'failing', migrations: 'unknown' } } })
  t.equal(await answers(dead, 1_000), false, 'the gauge of the metrics')
  t.match(ready.body.detail, 'The gateway is not ready: the database does not answer.')
  t.equal((await ask(gateway, '/v1/customers')).status, 401, 'a refusal that needs no query')
  await dead.close()
  isUnavailable(t, await ask(gateway, '/v1/customers', { headers }))
})

async function privateKeyOf(gateway: { signing_keys: readonly { private_pem: string | undefined; kid: string }[] }) {
  const { createPrivateKey } = await import('node:crypto')
  const [key] = gateway.signing_keys
  return { ...createPrivateKey(key?.private_pem as string).export({ format: 'jwk' }), kid: key?.kid }
}

if (process.env.TEST_DATABASE_URL !== undefined) {
  const opened = await openTestDatabase()
  const database = openPooled(opened.url as string, 2, () => undefined)
  const statements: Record<string, Statement['text']> = {
    read: 'select pg_sleep(20)',
    timeout: `select set_config('statement_timeout', '50', true)`,
  }
  const gateway = await startGateway({
    on: { ...opened, database },
    more: async (app) => {
      const stores = openRawStores({ database, clock: Date.now, bus: openBus((error) => t.fail(String(error))) })
      const storeOf = (tenant_id: string) => stores.tenant(tenant_id, () => NOBODY)
      app.get('/test/slow-read', { config: tenant() }, (request) =>
        storeOf(request.tenant.id).read(({ raw }) => raw.scope.queries.execute(query.raw(statements.read as string))),
      )
      app.get('/test/slow-write', { config: tenant() }, (request) =>
        storeOf(request.tenant.id).write('customer.created', async ({ raw: { scope } }) => {
          scope.recordNoChange()
          await scope.queries.execute(query.raw(statements.read as string))
        }),
      )
      app.get('/test/timeout', { config: tenant() }, (request) =>
        storeOf(request.tenant.id).write('customer.created', async ({ raw: { scope } }) => {
          scope.recordNoChange()
          await scope.queries.execute(query.raw(statements.timeout as string))
          await scope.queries.execute(query.raw(statements.read as string))
        }),
      )
    },
  })
  t.teardown(async () => {
    await gateway.close()
    await database.close()
    await opened.close()
  })
  const world = await buildWorld(gateway)
  const headers = await world.as('owner')
  const mine = `datname = current_database() and application_name = 'gatehouse'`

  /** Terminates the connection or cancels the sleeping statement as soon as it runs. */
  const disturb = async (how: 'pg_terminate_backend' | 'pg_cancel_backend') => {
    for (;;) {
      const hit = await gateway.sql(
        `select ${how}(pid) from pg_stat_activity where ${mine} and state = 'active' and query like '%pg_sleep%'`,
      )
      if (hit.length > 0) return
    }
  }

  t.test('503 if the connection breaks during a request, and the next request succeeds', async (t) => {
    for (const path of ['/test/slow-read', '/test/slow-write']) {
      const [answer] = await Promise.all([ask(gateway, path, { headers }), disturb('pg_terminate_backend')])
      isUnavailable(t, answer)
      for (let tries = 0; tries < 4; tries += 1) {
        t.equal((await ask(gateway, '/v1/customers', { headers })).status, 200, path)
      }
    }
    t.same(database.load(), { busy: 0, waiting: 0 }, 'no connection leaks')
  })

  t.test('503 for a statement that exceeds its time limit, in a batch and in a transaction', async (t) => {
    const [cancelled] = await Promise.all([ask(gateway, '/test/slow-read', { headers }), disturb('pg_cancel_backend')])
    isUnavailable(t, cancelled)
    isUnavailable(t, await ask(gateway, '/test/timeout', { headers }))
    const [limit] = await database.owner.query('show statement_timeout')
    t.ok(limit)
    const [row] = await database.readOne(
      { role: 'gatehouse_platform', share: 'test' },
      { text: `select current_setting('statement_timeout') as limit`, values: [], row_mode: 'object' },
    )
    t.same(row, { limit: '5s' }, 'every statement has a limit')
    t.equal((await ask(gateway, '/v1/customers', { headers })).status, 200)
  })

  t.test(
    'the pool replaces connections that break while idle: the next requests get 200 or 503, and none hangs',
    async (t) => {
      await Promise.all(Array.from({ length: 6 }, () => ask(gateway, '/v1/customers', { headers })))
      await gateway.sql(`select pg_terminate_backend(pid) from pg_stat_activity where ${mine}`)
      const statuses = new Set<number>()
      for (let tries = 0; tries < 6; tries += 1) {
        const answer = await ask(gateway, '/v1/customers', { headers })
        statuses.add(answer.status)
        if (answer.status !== 200) isUnavailable(t, answer)
      }
      t.equal((await ask(gateway, '/v1/customers', { headers })).status, 200, [...statuses].join())
    },
  )

  t.test('requests beyond the number of connections wait, and all get 200', async (t) => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask(gateway, '/v1/customers', { headers })))
    t.same(
      answers.map(({ status }) => status).filter((status) => status !== 200),
      [],
    )
  })
}
