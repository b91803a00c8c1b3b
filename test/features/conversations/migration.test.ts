import { readMigrationFiles } from 'drizzle-orm/migrator'
import { openEmbeddedInMemory } from '../../../src/kernel/database/embedded.js'
import { t } from '../../helpers/t.js'

// A client that was connected before an update comes back with its old Last-Event-ID, which was a seq.
t.test('messages of an earlier release get their seq as change number, and their edits follow in order', async (t) => {
  const database = await openEmbeddedInMemory()
  t.teardown(() => database.close())
  const sql = (text: string) => database.owner.query(text)
  const migrations = readMigrationFiles({ migrationsFolder: 'migrations' })
  const index = migrations.findIndex(({ sql: statements }) => statements.join().includes('ADD COLUMN "created_change"'))
  for (const statement of migrations.slice(0, index).flatMap((migration) => migration.sql)) await sql(statement)
  const [tenant, talk, quiet] = ['1', '2', '3'].map((digit) => `00000000-0000-7000-8000-00000000000${digit}`)
  await sql(`
    set session_replication_role = replica;
    insert into conversations (tenant_id, id, title, channel, status, visibility, last_seq, last_activity_at, created_at, updated_at)
      values ('${tenant}', '${talk}', 'Talk', 'web', 'open', 'tenant', 5, now(), now(), now()),
        ('${tenant}', '${quiet}', 'Quiet', 'web', 'open', 'tenant', 0, now(), now(), now());
    insert into messages (tenant_id, id, conversation_id, seq, author_kind, author_id, content, created_at, edited_at, deleted_at)
      select '${tenant}', gen_random_uuid(), '${talk}', seq, 'user', 'x', content, now(), edited_at::timestamptz, deleted_at::timestamptz
      from (values
        (1, null, '2026-01-01T10:05:00Z', '2026-01-01T10:30:00Z'), (2, 'b', null, null), (3, 'c', '2026-01-01T10:10:00Z', null),
        (4, null, null, '2026-01-01T10:20:00Z'), (5, 'e', null, null)) given (seq, content, edited_at, deleted_at);
    set session_replication_role = origin`)
  for (const statement of migrations[index]?.sql ?? []) await sql(statement)
  t.same(await sql('select seq, created_change, change from messages order by seq'), [
    { seq: 1, created_change: 1, change: 8 },
    { seq: 2, created_change: 2, change: 2 },
    { seq: 3, created_change: 3, change: 6 },
    { seq: 4, created_change: 4, change: 7 },
    { seq: 5, created_change: 5, change: 5 },
  ])
  t.same(await sql('select title, last_change from conversations order by title'), [
    { title: 'Quiet', last_change: 0 },
    { title: 'Talk', last_change: 8 },
  ])
})
