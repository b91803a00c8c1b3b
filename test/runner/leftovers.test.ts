import { once } from 'node:events'
import { createServer } from 'node:net'
import { openDatabases, openEmbeddedTest } from '../helpers/embedded-database.js'
import { differences, pictureOf } from '../helpers/pristine.js'
import { t } from '../helpers/t.js'
import { leftovers, stateOfProcess } from './leftovers.js'

// Test files share a process and its database. State that one file leaves could make another one fail or pass.

const TENANT = `insert into tenants (id, name, created_at) values (gen_random_uuid(), 'T', now())`

t.test('the next file gets no row, setting, prepared statement or sequence value of the file before', async (t) => {
  const first = await openEmbeddedTest()
  const empty = async (sql: typeof first.sql) => {
    const [row] = await sql(`select (select count(*)::int from tenants) as tenants,
      (select count(*)::int from pg_prepared_statements) as prepared, current_setting('work_mem') as work_mem,
      (select last_value from pg_sequences where sequencename = 'audit_events_seq') as seq,
      to_regclass('crowd')::text as temporary, (select count(*)::int from gatehouse_migrations) as migrations`)
    return row
  }
  const before = await empty(first.sql)
  t.match(before, { tenants: 0, seq: null })
  await first.sql(`${TENANT}; prepare one as select 1; set work_mem = '5MB'; select nextval('audit_events_seq');
    create temporary table crowd (id int)`)
  t.notMatch(await empty(first.sql), before)
  await first.close()

  const second = await openEmbeddedTest()
  t.teardown(() => second.close())
  t.same(await empty(second.sql), before)
  await t.rejects(first.sql('select 1'), { message: /closed/ }, 'a query after the close')
  await t.rejects(
    first.database.readOne(
      { role: 'gatehouse_platform', share: 'test' },
      { text: 'select 1', values: [], row_mode: 'object' },
    ),
  )
})

t.test('a change of the schema fails the file that made it, and the next file gets a clean database', async (t) => {
  const changes: Record<string, RegExp> = {
    'create table leaky (id int)': /\+ relation leaky/,
    'alter table tenants add column leaky int': /\+ column tenants leaky/,
    'alter table customers disable row level security': /- relation customers/,
    'drop policy platform_access on gatehouse_migrations': /- policy/,
    'grant all on users to public': /relation users/,
    'create role leaky': /\+ role/,
    'grant gatehouse_platform to gatehouse_tenant': /\+ member/,
    'create function leaky() returns int language sql as $$ select 1 $$': /\+ function leaky/,
    'create index leaky on users (name)': /\+ index/,
    'create schema leaky': /\+ schema leaky/,
    'create sequence leaky': /leaky/,
    'delete from gatehouse_migrations': /- migration/,
  }
  const first = await openEmbeddedTest()
  const pristine = await pictureOf(first.sql)
  for (const [change, found] of Object.entries(changes)) {
    await first.sql(`begin; ${change}`)
    t.match(differences(pristine, await pictureOf(first.sql)).join('\n'), found, change)
    await first.sql('rollback')
  }
  await first.sql('create table leaky (id int)')
  await t.rejects(first.close(), { message: /\+ relation leaky/ })
  const second = await openEmbeddedTest()
  t.same(differences(pristine, await pictureOf(second.sql)), [])
  await second.close()
})

t.test('leftovers finds open resources and changed globals of a file, and ignores what the file closed', async (t) => {
  const before = stateOfProcess()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const timer = setTimeout(() => undefined, 1_000_000)
  const { setInterval } = globalThis
  globalThis.setInterval = ((...parts: Parameters<typeof setInterval>) => setInterval(...parts)) as typeof setInterval
  process.env.LEFT_BEHIND = 'yes'
  const listener = () => undefined
  process.on('warning', listener)
  const { close } = await openEmbeddedTest()
  t.same((await leftovers(before, 0)).sort(), [
    'environment: LEFT_BEHIND=yes',
    'listener: warning',
    'open: TCPServerWrap',
    'open: Timeout',
    'open: database',
    'replaced: setInterval',
  ])
  globalThis.setInterval = setInterval
  delete process.env.LEFT_BEHIND
  process.off('warning', listener)
  clearTimeout(timer)
  server.close()
  await close()
  t.same(await leftovers(before), [])
  t.equal(openDatabases(), 0)
})
