import fc from 'fast-check'
import pg from 'pg'
import { BIND_STATEMENT, BoundQuery } from '../../../src/kernel/database/bound-query.js'
import type { Binding, Database } from '../../../src/kernel/database/database.js'
import { openPooled } from '../../../src/kernel/database/pooled.js'
import { openTestDatabase } from '../../helpers/database.js'
import { t } from '../../helpers/t.js'

const test_database = await openTestDatabase()
const { url, sql } = test_database
/** A pool of one connection, so that the next statement uses the connection of the statement before. */
const narrow: Database = url === undefined ? test_database.database : openPooled(url, 1, () => undefined)
const few: Database = url === undefined ? test_database.database : openPooled(url, 3, () => undefined)
t.teardown(async () => {
  if (url !== undefined) await Promise.all([narrow.close(), few.close()])
  await test_database.close()
})

const TENANTS = ['00000000-0000-7000-8000-00000000000a', '00000000-0000-7000-8000-00000000000b'] as const
const [ACME, GLOBEX] = TENANTS
for (const id of TENANTS) {
  await sql(`insert into tenants (id, name, created_at) values ('${id}', 'T', now());
    insert into customers (tenant_id, id, name, created_at, updated_at)
      select '${id}', gen_random_uuid(), '${id}', now(), now() from generate_series(1, 5)`)
}
const bound = (tenant_id: string): Binding => ({ role: 'gatehouse_tenant', tenant_id })
const PLATFORM: Binding = { role: 'gatehouse_platform', share: 'test' }
const WHO = `select current_setting('role') as role, current_setting('app.tenant_id', true) as tenant_id`
const read = (database: Database, binding: Binding, text: string, values: unknown[] = []) =>
  database.readOne(binding, { text, values, row_mode: 'object' })

t.test('each statement runs as the role and the tenant of its own binding', async (t) => {
  t.same(await read(narrow, bound(ACME), WHO), [{ role: 'gatehouse_tenant', tenant_id: ACME }])
  t.same(await read(narrow, PLATFORM, WHO), [{ role: 'gatehouse_platform', tenant_id: '' }])
  t.same(await read(narrow, bound(GLOBEX), WHO), [{ role: 'gatehouse_tenant', tenant_id: GLOBEX }])
})

// Attack: a request on a pooled connection runs as the tenant of the request before, whose statement failed.
t.test('after an error the connection has no binding and still works', async (t) => {
  for (const text of [
    'select 1 / 0',
    'select no_such_column from customers',
    'syntax error',
    'select password_hash from users',
    `select 'not a number'::int`,
    `insert into customers (tenant_id, id, name, created_at, updated_at) values ('${GLOBEX}', gen_random_uuid(), '', now(), now())`,
  ]) {
    await t.rejects(read(narrow, bound(ACME), text), { code: /^[0-9A-Z]{5}$/ }, text)
    t.same(await read(narrow, PLATFORM, WHO), [{ role: 'gatehouse_platform', tenant_id: '' }], text)
    await t.rejects(read(narrow, PLATFORM, 'select current_tenant_id()'), { code: '42501' }, text)
  }
})

// Attack: a caller sends a tenant id with SQL, or a malformed one that would leave the transaction without a tenant.
t.test('a statement with an invalid tenant id does not run', async (t) => {
  for (const tenant_id of ['', 'x', `${ACME}'; set role postgres; --`, `${ACME} `, '%', '\u0000']) {
    await t.rejects(read(narrow, bound(tenant_id), 'select name from customers'), JSON.stringify(tenant_id))
    const transaction = narrow.transaction(bound(tenant_id), (run) =>
      run({ text: 'select name from customers', values: [], row_mode: 'object' }),
    )
    await t.rejects(transaction, JSON.stringify(tenant_id))
  }
  t.same(await read(narrow, PLATFORM, WHO), [{ role: 'gatehouse_platform', tenant_id: '' }])
})

// The bind statement returns a row with the tenant. The caller must get only the rows of its own statement.
t.test('the result of the bind statement is never returned', async (t) => {
  t.same(await read(narrow, bound(ACME), 'select 7 as seven'), [{ seven: 7 }])
  t.same(await read(narrow, bound(ACME), 'select name from customers where false'), [])
  t.same(await read(narrow, bound(ACME), 'select'), [{}])
  t.same(await read(narrow, bound(ACME), 'update customers set name = name where false'), [])
  t.equal((await read(narrow, bound(ACME), 'select n from generate_series(1, 5000) n')).length, 5000)
  const rows = await narrow.readOne(bound(ACME), { text: 'select 1, 2', values: [], row_mode: 'array' })
  t.same(rows, [[1, 2]])
  t.equal((await read(narrow, bound(ACME), 'delete from customers where false returning id')).length, 0)
})

// A connection keeps a limited number of prepared statements and sends others unnamed. Those must be bound as well.
t.test('statements beyond the limit of prepared statements are bound too', async (t) => {
  for (let number = 0; number < 520; number += 1) {
    const rows = await read(narrow, bound(ACME), `select ${number} as number, current_setting('role') as role`)
    const [row] = rows as { number: number; role: string }[]
    if (row?.number !== number || row.role !== 'gatehouse_tenant') t.fail(`${number}: ${JSON.stringify(rows)}`)
  }
  await t.rejects(read(narrow, PLATFORM, 'select 1; select 2'), { code: '42601' }, 'two statements in one text')
})

t.test('values of each type that the gateway uses return unchanged', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'binary' }).filter((text) => !text.includes('\u0000') && text.isWellFormed()),
      fc.array(fc.constantFrom('a', 'b,c', '"', '\\', '{}', 'null', '')),
      fc.maxSafeInteger(),
      async (text, list, number) => {
        const [row] = (await read(
          narrow,
          bound(ACME),
          'select $1::text as text, $2::text[] as list, $3::int8 as number, $4::jsonb as json, $5::text as nothing',
          [text, list, number, JSON.stringify({ text }), null],
        )) as Record<string, unknown>[]
        t.same(row, { text, list, number, json: { text }, nothing: null })
      },
    ),
    { numRuns: 50 },
  )
})

// Attack: concurrent requests of two tenants share connections, and one gets rows of the other. Each of the 200 readers
// must get all of its own rows and no other row.
t.test('200 interleaved reads of two tenants on a small pool never mix', async (t) => {
  const reads = Array.from({ length: 200 }, async (_, number) => {
    const own = TENANTS[number % 2] as string
    // Every seventh reader first sends a statement that fails, among the statements of the others.
    if (number % 7 === 0) await t.rejects(read(few, bound(own), 'select 1 / 0 from customers'))
    const rows =
      number % 3 === 0
        ? await few.transaction(bound(own), (run) =>
            run({ text: 'select name from customers', values: [], row_mode: 'object' }),
          )
        : await read(few, bound(own), 'select name, $1::int as number from customers', [number])
    const names = (rows as { name: string; number?: number }[]).map((row) => row.name)
    if (names.length !== 5 || names.some((name) => name !== own)) t.fail(`${number}: ${names}`)
    if ((rows as { number?: number }[]).some((row) => (row.number ?? number) !== number)) t.fail(`${number}: values`)
  })
  await Promise.all(reads)
  t.equal(few.load().waiting, 0)
})

if (url !== undefined) {
  // The test reads the role and the tenant on the same connection after the batch, without a binding.
  t.test('a batch leaves no role and no tenant on its connection', async (t) => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    const first = await pool.connect()
    await first.query({ ...BIND_STATEMENT, values: ['none', ''] })
    const { rows: before } = await first.query('select pg_backend_pid() as pid')
    const batch = new BoundQuery('gatehouse_tenant', ACME, { text: WHO, values: [], is_prepared: true })
    t.same(await batch.sendOn(first), [{ role: 'gatehouse_tenant', tenant_id: ACME }])
    const again = await pool.connect()
    t.same((await again.query('select pg_backend_pid() as pid')).rows, before)
    t.same((await again.query(WHO)).rows, [{ role: 'none', tenant_id: '' }])
    await t.rejects(again.query('select * from customers'), { code: '42501' })
    again.release()
    await pool.end()
  })

  // Attack: the bind statement fails, and the statement runs with the rights of the login. A sequence shows whether the
  // statement ran, because a rollback does not reset it.
  t.test('a statement does not run if its binding fails', async (t) => {
    await sql('create sequence ran; grant usage on sequence ran to public')
    const nobody = { role: 'no_such_role' } as unknown as Binding
    await t.rejects(read(narrow, nobody, `select nextval('ran')`), { code: '22023' })
    t.same(await sql('select is_called from ran'), [{ is_called: false }])
    await read(narrow, PLATFORM, `select nextval('ran')`)
    t.same(await sql('select is_called from ran'), [{ is_called: true }])
  })
}

// Attack: the client sends values that fail statements. Each failure costs the gateway a new connection, until PostgreSQL
// has no time for anything else.
t.test('an error that a value caused leaves its connection open', async (t) => {
  const pid = async () => {
    const [row] = (await read(narrow, PLATFORM, 'select pg_backend_pid() as pid')) as [{ pid: number }]
    return row.pid
  }
  const before = await pid()
  for (const [code, text, value] of [
    ['22P02', 'select $1::uuid', 'urn:uuid:00000000-0000-7000-8000-00000000000a'],
    ['22008', 'select $1::timestamptz', '0000-12-02T00:00:00Z'],
    ['22P02', 'select $1::int', 'x'],
    ['22003', 'select $1::int', '99999999999'],
    ['22012', 'select 1 / $1::int', '0'],
    ['22P02', 'select $1::jsonb', '{'],
    [
      '23514',
      'insert into conversations (tenant_id, id, title, channel, status, visibility, last_activity_at, created_at, updated_at) values ($1, gen_random_uuid(), $2, $2, $2, $2, now(), now(), now())',
      ACME,
    ],
  ] as const) {
    const values = text.includes('$2') ? [value, 'x'] : [value]
    await t.rejects(read(narrow, bound(ACME), text, values), { code }, `${text} ${value}`)
    t.equal(await pid(), before, `${text} ${value}`)
  }
})
