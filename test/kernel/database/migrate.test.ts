import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Database } from '../../../src/kernel/database/database.js'
import { openEmbeddedInMemory } from '../../../src/kernel/database/embedded.js'
import { migrate, pendingMigrations } from '../../../src/kernel/database/migrate.js'
import { openPooled } from '../../../src/kernel/database/pooled.js'
import { t } from '../../helpers/t.js'

const server = process.env.TEST_DATABASE_URL
/** An empty database, with one connection for each process that starts at the same time. */
const { doors, sql } = server === undefined ? await embedded() : await pooled(server)

async function embedded() {
  const database = await openEmbeddedInMemory()
  t.teardown(() => database.close())
  return { doors: [database], sql: (text: string) => database.owner.query(text) }
}

async function pooled(url: string) {
  const name = `gatehouse_migrate_${process.pid}_${randomBytes(4).toString('hex')}`
  const admin = new pg.Client(url)
  await admin.connect()
  await admin.query(`create database ${name}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  const opened: Database[] = Array.from({ length: 5 }, () => openPooled(own.href, 1, () => undefined))
  t.teardown(async () => {
    await Promise.all(opened.map((database) => database.close()))
    await admin.query(`drop database ${name} with (force)`)
    await admin.end()
  })
  return { doors: opened, sql: async (text: string) => await (opened[0] as Database).owner.query(text) }
}

const [database] = doors as [Database]

// Replicas that start together must not apply a migration twice or in part.
t.test('processes that migrate one empty database at the same time apply each migration once', async (t) => {
  const counts = await Promise.all(doors.map((door) => migrate(door)))
  const journal = await sql('select hash from gatehouse_migrations')
  t.ok(journal.length >= 3)
  t.equal(Math.max(...counts), journal.length, 'one process applied all migrations')
  t.equal(
    counts.reduce((sum, count) => sum + count),
    journal.length,
    `the others applied none: ${counts}`,
  )
  t.equal(await pendingMigrations(database), 0)
})

t.test('a second migration changes nothing', async (t) => {
  const picture = `select table_name, column_name, data_type from information_schema.columns where table_schema = 'public' order by 1, 2`
  const before = [await sql(picture), await sql('select * from gatehouse_migrations order by hash')]
  t.equal(await migrate(database), 0)
  t.same([await sql(picture), await sql('select * from gatehouse_migrations order by hash')], before)
})

t.test('a failed migration leaves neither its changes nor its row in the journal', async (t) => {
  // The second migration creates the tables. A migration that replaces a function could run again.
  const [tables] = await sql('select hash, created_at from gatehouse_migrations order by created_at offset 1 limit 1')
  await sql(`delete from gatehouse_migrations where hash = '${tables?.hash}'`)
  t.equal(await pendingMigrations(database), 1)
  const policies = `select count(*)::int as count from pg_policies`
  const before = await sql(policies)
  await t.rejects(migrate(database), 'its objects exist already')
  t.same(await sql(policies), before)
  t.equal(await pendingMigrations(database), 1)
  await sql(`insert into gatehouse_migrations (hash, created_at) values ('${tables?.hash}', ${tables?.created_at})`)
  t.equal(await migrate(database), 0, 'the connection still works')
})

t.test('the running gateway can read the journal and cannot write it', async (t) => {
  const asPlatform = (text: string) =>
    database.transaction({ role: 'gatehouse_platform', share: 'test' }, (run) =>
      run({ text, values: [], row_mode: 'object' }),
    )
  t.ok((await asPlatform('select hash from gatehouse_migrations')).length >= 3)
  await t.rejects(asPlatform('delete from gatehouse_migrations'), { code: '42501' })
  await t.rejects(asPlatform(`insert into gatehouse_migrations (hash, created_at) values ('x', 0)`), { code: '42501' })
})
