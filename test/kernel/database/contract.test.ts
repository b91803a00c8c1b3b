import { randomUUID } from 'node:crypto'
import type { Binding, Database, Row, Run, Statement } from '../../../src/kernel/database/database.js'
import { openEmbeddedInMemory } from '../../../src/kernel/database/embedded.js'
import { openPooled } from '../../../src/kernel/database/pooled.js'
import { templateDump } from '../../helpers/embedded-database.js'
import { openServerTest } from '../../helpers/server-database.js'
import { t } from '../../helpers/t.js'

// The behaviour of `Database` that both engines share. With TEST_DATABASE_URL the tests run on both engines, else only on
// the embedded one. The other tests of this folder cover the behaviour of a single engine.

interface Opened {
  readonly database: Database
  /** Statements of the owner, who is not bound by row-level security. */
  readonly sql: (text: string) => Promise<Row[]>
  readonly end: () => Promise<void>
}

const ENGINES: Record<string, () => Promise<Opened>> = {
  async embedded() {
    const database = await openEmbeddedInMemory(new Blob([await templateDump()]))
    return { database, sql: (text) => database.owner.query(text), end: async () => undefined }
  },
}
const server = process.env.TEST_DATABASE_URL
if (server !== undefined) {
  ENGINES.pooled = async () => {
    const opened = await openServerTest(server)
    const database = openPooled(opened.url as string, 3, () => undefined)
    return { database, sql: opened.sql, end: opened.close }
  }
}

const ACME = '00000000-0000-7000-8000-00000000000a'
const GLOBEX = '00000000-0000-7000-8000-00000000000b'
const of = (tenant_id: string): Binding => ({ role: 'gatehouse_tenant', tenant_id })
const PLATFORM: Binding = { role: 'gatehouse_platform', share: 'test' }
const statement = (text: string, ...values: unknown[]): Statement => ({ text, values, row_mode: 'object' })
const WHO = statement(`select current_setting('role') as role, current_setting('app.tenant_id', true) as tenant_id`)
const BOUND_TO_ACME = [{ role: 'gatehouse_tenant', tenant_id: ACME }]
const insertion = (
  name: string,
  { id = randomUUID() as string, tenant_id = ACME, email = null as string | null } = {},
) =>
  statement(
    `insert into customers (tenant_id, id, name, email, created_at, updated_at) values ($1, $2, $3, $4, now(), now())
      returning name`,
    tenant_id,
    id,
    name,
    email,
  )
const NAMES = statement('select name from customers order by name')
const DIVISION = statement('select 1 / $1::int', 0)

for (const [engine, open] of Object.entries(ENGINES)) {
  t.test(engine, async (t) => {
    const { database, sql, end } = await open()
    t.teardown(end)
    const namesOf = async (tenant_id: string) =>
      ((await database.readOne(of(tenant_id), NAMES)) as Row[]).map(({ name }) => name)
    for (const id of [ACME, GLOBEX]) {
      await sql(`insert into tenants (id, name, created_at) values ('${id}', 'T', now())`)
    }

    t.test('engine names the engine, load counts connections', async (t) => {
      t.equal(database.engine, engine)
      await database.readOne(PLATFORM, WHO)
      t.same(database.load(), { busy: 0, waiting: 0 })
    })

    t.test('readOne and transaction run a statement as the role and the tenant of their binding', async (t) => {
      const both = [
        (binding: Binding) => database.readOne(binding, WHO),
        (binding: Binding) => database.transaction(binding, (run) => run(WHO)),
        (binding: Binding) => database.transaction(binding, (_run, finish) => finish(WHO)),
      ]
      for (const ask of both) {
        t.same(await ask(of(ACME)), BOUND_TO_ACME)
        t.same(await ask(PLATFORM), [{ role: 'gatehouse_platform', tenant_id: '' }])
        await t.rejects(ask({ role: 'no_such_role' } as unknown as Binding), 'an unknown role')
      }
    })

    t.test('a tenant reads and writes only its own rows', async (t) => {
      await database.transaction(of(ACME), (run) => run(insertion('of Acme')))
      await database.transaction(of(GLOBEX), (run) => run(insertion('of Globex', { tenant_id: GLOBEX })))
      t.same(await namesOf(ACME), ['of Acme'])
      t.same(await namesOf(GLOBEX), ['of Globex'])
      const foreign = database.transaction(of(GLOBEX), (run) => run(insertion('planted')))
      await t.rejects(foreign, { code: '42501' })
      await t.rejects(database.readOne(PLATFORM, statement('select current_tenant_id()')), { code: '42501' })
      await t.rejects(database.readOne(of(ACME), statement('select * from users')), { code: '42501' })
      await t.rejects(database.readOne(of(''), NAMES), 'a binding without a tenant')
      await t.rejects(
        database.transaction(of(''), (run) => run(NAMES)),
        'a binding without a tenant',
      )
    })

    t.test('values and rows have the same JavaScript types, as objects and as arrays', async (t) => {
      const text = `select $1::text as text, $2::text[] as list, $3::int8 as number, $4::jsonb as json, $5::uuid as id,
        $6::timestamptz as instant, $7::bool as truth, $8::int4 as nothing, $9::bytea as bytes, '{}'::text[] as none`
      const at = '2026-03-01T12:34:56.789Z'
      const values = ['Ü\n', ['a,b', '"'], 2 ** 40, JSON.stringify({ a: [1] }), ACME, at, true, null, Buffer.from('ab')]
      const [row] = (await database.readOne(of(ACME), { text, values, row_mode: 'object' })) as Row[]
      const { bytes, ...others } = row as Row
      t.strictSame(
        { ...others },
        {
          text: 'Ü\n',
          list: ['a,b', '"'],
          number: 2 ** 40,
          json: { a: [1] },
          id: ACME,
          instant: at,
          truth: true,
          nothing: null,
          none: [],
        },
      )
      t.ok(bytes instanceof Uint8Array && Buffer.from(bytes).equals(Buffer.from('ab')))
      const array = { ...statement('select 1, 2'), row_mode: 'array' as const }
      t.same(await database.readOne(of(ACME), array), [[1, 2]])
      t.same(await database.transaction(of(ACME), (run) => run(array)), [[1, 2]])
      t.same(await database.readOne(of(ACME), statement('select name from customers where false')), [])
    })

    t.test('a transaction returns the result of its work, and commits all its changes', async (t) => {
      const names = await database.transaction(of(ACME), async (run) => {
        await run(insertion('first'))
        await run(insertion('second'))
        return ((await run(NAMES)) as Row[]).map(({ name }) => name)
      })
      t.same(names, ['first', 'of Acme', 'second'], 'the transaction reads its own changes')
      t.same(await namesOf(ACME), names)
      const finished = await database.transaction(of(ACME), async (run, finish) => {
        await run(insertion('third'))
        return finish(insertion('fourth'))
      })
      t.same(finished, [{ name: 'fourth' }], 'finish returns rows like run')
      t.same(await namesOf(ACME), ['first', 'fourth', 'of Acme', 'second', 'third'])
    })

    t.test('a failed transaction changes nothing, and throws the error of its work', async (t) => {
      const before = await namesOf(ACME)
      const failures: Record<string, [(run: Run, finish: Run) => Promise<unknown>, RegExp]> = {
        'the work throws': [() => Promise.reject(new Error('of the work')), /^of the work$/],
        'a statement fails': [(run) => run(DIVISION), /division by zero/],
        'the last statement fails': [(_run, finish) => finish(DIVISION), /division by zero/],
        'the work ignored an error': [(run) => run(DIVISION).catch(() => undefined), /./],
        'the work ignored an error before the last statement': [
          (run, finish) => run(DIVISION).catch(() => finish(insertion('late'))),
          /./,
        ],
      }
      for (const [what, [fail, message]] of Object.entries(failures)) {
        const work = database.transaction(of(ACME), async (run, finish) => {
          await run(insertion('undone'))
          await fail(run, finish)
        })
        await t.rejects(work, { message }, what)
        t.same(await namesOf(ACME), before, what)
        t.same(await database.readOne(of(ACME), WHO), BOUND_TO_ACME, `the next statement after: ${what}`)
      }
    })

    t.test('an error has the SQLSTATE, and the name of a violated constraint', async (t) => {
      await database.transaction(of(ACME), (run) => run(insertion('unique', { email: 'one@people.example' })))
      const write = (wanted: Statement) => database.transaction(of(ACME), (run) => run(wanted))
      const second = insertion('second', { email: 'ONE@people.example' })
      await t.rejects(write(second), { code: '23505', constraint: 'customers_email_key' })
      const nowhere = statement(
        `insert into conversation_members (tenant_id, conversation_id, user_id, role, created_at)
          values ($1, $2, $2, 'owner', now())`,
        ACME,
        randomUUID(),
      )
      await t.rejects(write(nowhere), { code: '23503', constraint: /_fkey$/ })
      await t.rejects(database.readOne(of(ACME), statement('select 1; select 2')), { code: '42601' })
      await t.rejects(database.readOne(of(ACME), statement('select nothing from customers')), { code: '42703' })
    })

    t.test('concurrent calls each get their own rows', async (t) => {
      const calls = Array.from({ length: 60 }, async (_, number) => {
        const tenant_id = number % 2 === 0 ? ACME : GLOBEX
        const ask = statement(`select current_setting('app.tenant_id') as tenant_id, $1::int as number`, number)
        if (number % 5 === 0) await t.rejects(database.readOne(of(tenant_id), DIVISION), { code: '22012' })
        const rows =
          number % 3 === 0
            ? await database.transaction(of(tenant_id), (run) => run(ask))
            : await database.readOne(of(tenant_id), ask)
        t.same(rows, [{ tenant_id, number }])
      })
      await Promise.all(calls)
    })

    t.test('the owner runs statements without a binding, and exclusive work one after another', async (t) => {
      t.same(await database.owner.query(`select current_setting('role') as role`), [{ role: 'none' }])
      const exclusively = (text: string) => database.owner.exclusively((query) => query(text))
      t.same(await exclusively('select 1 as one'), [{ one: 1 }])
      await t.rejects(exclusively('select 1 / 0'), { code: '22012' })
      t.same(await exclusively('select 2 as two'), [{ two: 2 }], 'after failed work')
    })

    // This is the last test, because it closes the database.
    t.test('a closed database refuses every call', async (t) => {
      await database.close()
      await t.rejects(database.readOne(of(ACME), WHO))
      await t.rejects(database.transaction(of(ACME), (run) => run(WHO)))
    })
  })
}
