import { factsStatement } from '../../../src/kernel/authz/facts-statement.js'
import { openTestDatabase } from '../../helpers/database.js'
import { t } from '../../helpers/t.js'

/** The tables of facts, by their alias in the statement. */
const TABLES: Readonly<Record<string, string>> = {
  t: 'tenants',
  k: 'tenant_keys',
  u: 'users',
  s: 'sessions',
  m: 'memberships',
  mr: 'membership_roles',
  r: 'roles',
  v: 'overrides',
  o: 'operators',
}
/** Columns that identify a row. No statement of the gateway changes them. */
const IDENTITIES = new Set(['id', 'tenant_id', 'user_id', 'role_id'])

const database = await openTestDatabase()
t.teardown(() => database.close())

const used = new Map<string, Set<string>>(Object.values(TABLES).map((table) => [table, new Set()]))
for (const tenant of [true, false]) {
  for (const key of [true, false]) {
    for (const user of ['session', 'id', undefined] as const) {
      for (const [, alias = '', column = ''] of factsStatement({ tenant, key, user }).matchAll(
        /\b([a-z]+)\.([a-z_]+)/g,
      )) {
        const table = TABLES[alias]
        if (table !== undefined) used.get(table)?.add(column)
        else t.ok(alias === 'c', `${alias}.${column} is a column of a table with triggers`)
      }
    }
  }
}

// Attack: an attacker keeps a right whose loss is a change of a column that no replica hears of.
t.test(
  'an update of each column that authorisation reads is a change, and so are a deletion and a truncation',
  async (t) => {
    for (const [table, columns] of used) {
      const rows = await database.sql(
        `select pg_get_triggerdef(oid) as text from pg_trigger where tgrelid = '${table}'::regclass and not tgisinternal`,
      )
      const triggers = rows.map(({ text }) => String(text)).filter((text) => text.includes('on_fact_change('))
      t.ok(
        triggers.some((text) => /AFTER (INSERT OR )?DELETE/.test(text)),
        `${table}: deletion`,
      )
      t.ok(
        triggers.some((text) => text.includes('AFTER TRUNCATE')),
        `${table}: truncation`,
      )
      const updates = triggers.filter((text) => /\bUPDATE\b/.test(text))
      t.equal(updates.length, 1, `${table}: update`)
      const [update = ''] = updates
      for (const column of columns) {
        if (IDENTITIES.has(column) || !update.includes(' WHEN ')) continue
        t.ok(update.includes(`old.${column}`) && update.includes(`new.${column}`), `${table}.${column}`)
      }
    }
    t.ok(
      [...used.values()].every(({ size }) => size > 0),
      'each table is read',
    )
  },
)

t.test('what a user can do to a membership and to an operator is a change when it is inserted', async (t) => {
  for (const table of ['membership_roles', 'overrides', 'operators']) {
    const [row] = await database.sql(
      `select count(*)::int as count from pg_trigger where tgrelid = '${table}'::regclass and not tgisinternal and pg_get_triggerdef(oid) like '%AFTER INSERT%'`,
    )
    t.equal(row?.count, 1, table)
  }
})

t.test('the use of a key, a refreshed session and a login are no changes', async (t) => {
  const [user, session, tenant] = [
    '00000000-0000-7000-8000-000000000001',
    '00000000-0000-7000-8000-000000000002',
    '00000000-0000-7000-8000-000000000003',
  ]
  await database.sql(`
    insert into users (id, email, name, password_hash, created_at) values ('${user}', 'a@people.example', 'A', 'x', now());
    insert into sessions (id, user_id, created_at, expires_at) values ('${session}', '${user}', now(), now() + interval '1 day');
    insert into tenants (id, name, created_at) values ('${tenant}', 'T', now());
    update users set unlocked_at = now(), name = 'B' where id = '${user}'`)
  t.same(await database.sql('select * from fact_changes'), [])
  await database.sql(`update users set disabled_at = now() where id = '${user}'`)
  await database.sql(`update sessions set ended_at = now(), end_reason = 'logout' where id = '${session}'`)
  await database.sql(`delete from sessions where id = '${session}'`)
  t.match(await database.sql('select about, of_user, id from fact_changes order by xid'), [
    { about: 'user', of_user: user },
    { about: 'session', of_user: user, id: session },
  ])
})
