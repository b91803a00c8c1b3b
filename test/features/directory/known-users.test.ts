import { readMigrationFiles } from 'drizzle-orm/migrator'
import { openEmbeddedInMemory } from '../../../src/kernel/database/embedded.js'
import { BUILT_IN_SCOPES } from '../../../src/kernel/permissions/scope-catalogue.js'
import { makeUser } from '../../guards/examples.js'
import { tried } from '../../guards/isolation.js'
import { startGateway } from '../../helpers/gateway.js'
import { acceptMembership, addMember } from '../../helpers/members.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const { sql } = gateway
const { database } = gateway.test_database

/** The names that a tenant sees by the database alone, by user id. */
async function seenBy(tenant_id: string): Promise<Record<string, string>> {
  const binding = { role: 'gatehouse_tenant', tenant_id } as const
  const text = 'select user_id, name from known_users'
  const rows = (await database.readOne(binding, { text, values: [], row_mode: 'object' })) as Record<string, string>[]
  return Object.fromEntries(rows.map(({ user_id, name }) => [user_id, name])) as Record<string, string>
}

// Attack: a tenant offers a membership to any id, to learn the name behind it.
t.test('a tenant sees a name after the user has accepted, and not before', async (t) => {
  const { id } = await makeUser(gateway, world)
  await acme.store.write('member.added', (store) => store.members.add(id, ['Agent'], BUILT_IN_SCOPES))
  t.equal((await seenBy(acme.id))[id], undefined, 'a pending membership')
  await acceptMembership(gateway, acme.id, id)
  t.equal((await seenBy(acme.id))[id], 'Somebody')
  t.equal((await seenBy(globex.id))[id], undefined, 'another tenant')
  t.equal((await seenBy(acme.id))[ids.pending], undefined)
  t.equal((await seenBy(acme.id))[ids.disabled], 'The disabled')
})

t.test('a user who has left keeps the name that they have now, and shows no other part of the user', async (t) => {
  const { id } = await makeUser(gateway, world)
  await addMember(gateway, acme.id, id, ['Agent'])
  await acme.store.write('member.removed', (store) => store.members.remove(id))
  t.equal((await seenBy(acme.id))[id], 'Somebody')
  await sql(`update users set name = 'Renamed' where id = '${id}'`)
  t.equal((await seenBy(acme.id))[id], 'Renamed')
  t.same(await tried(database, acme.id, `select email as whose from users where id = '${id}'`), [])
  await sql(`delete from sessions where user_id = '${id}'; delete from users where id = '${id}'`)
  t.equal((await seenBy(acme.id))[id], undefined, 'a deleted user has no name')
})

// Attack: a flaw of the gateway writes a name, or a row that makes a stranger known.
t.test('no role of the gateway can write a name', async (t) => {
  for (const statement of [
    `insert into known_users values ('${acme.id}', '${ids.stranger}', 'The stranger')`,
    `update known_users set name = 'Changed'`,
    'delete from known_users',
  ]) {
    t.equal(await tried(database, acme.id, `${statement} returning tenant_id as whose`), '42501', statement)
    const as_platform = database.transaction({ role: 'gatehouse_platform', share: 'test' }, (run) =>
      run({ text: statement, values: [], row_mode: 'object' }),
    )
    await t.rejects(as_platform, { code: '42501' }, statement)
  }
})

// A membership that is accepted while the user changes their name would keep the name from before.
t.test('a change of the name waits for an acceptance that began before it, and the new name stays', async (t) => {
  const { id } = await makeUser(gateway, world)
  const insert = `insert into memberships (tenant_id, user_id, state, created_at, accepted_at)
    values ('${acme.id}', '${id}', 'active', now(), now())`
  let renamed: Promise<unknown> | undefined
  await database.transaction({ role: 'gatehouse_platform', share: 'test' }, async (run) => {
    const ask = (text: string) => run({ text, values: [], row_mode: 'object' })
    await ask(insert)
    let is_done = false
    renamed = sql(`update users set name = 'New' where id = '${id}'`).then(() => {
      is_done = true
    })
    // The embedded engine has one connection, so there the change waits in any case.
    if (database.engine === 'embedded') return
    const waiting = `select from pg_locks where locktype = 'advisory' and not granted`
    await until('the change of the name waits', async () => is_done || (await ask(waiting)).length > 0)
    t.notOk(is_done, 'the change of the name waits')
  })
  await renamed
  t.equal((await seenBy(acme.id))[id], 'New')
})

t.test('the migration finds the members of earlier releases, and those who have left', async (t) => {
  const old = await openEmbeddedInMemory()
  t.teardown(() => old.close())
  const run = (text: string) => old.owner.query(text)
  const migrations = readMigrationFiles({ migrationsFolder: 'migrations' })
  const index = migrations.findIndex(({ sql: statements }) => statements.join().includes('CREATE TABLE "known_users"'))
  for (const statement of migrations.slice(0, index).flatMap((migration) => migration.sql)) await run(statement)
  const uuid = (digit: number) => `00000000-0000-7000-8000-00000000000${digit}`
  const [tenant, other, member, pending, removed, withdrawn, author, stranger] = [1, 2, 3, 4, 5, 6, 7, 8].map(uuid)
  const event = (target: string | undefined, state: string, seq: number) =>
    `insert into audit_events (id, tenant_id, action, actor_kind, target_kind, target_id, changes, created_at, chain_seq, digest, hash)
      values (gen_random_uuid(), '${tenant}', 'member.removed', 'system', 'member', '${target}', '{"before":{"state":"${state}"}}', now(), ${seq}, '', '')`
  await run(`
    insert into tenants (id, name, created_at) values ('${tenant}', 'One', now()), ('${other}', 'Two', now());
    insert into users (id, email, name, password_hash, created_at) select id::uuid, id, 'N' || right(id, 1), '', now()
      from unnest(array['${[member, pending, removed, withdrawn, author, stranger].join(`','`)}']) id;
    insert into memberships (tenant_id, user_id, state, created_at, accepted_at) values
      ('${tenant}', '${member}', 'disabled', now(), now()), ('${tenant}', '${pending}', 'pending', now(), null);
    ${event(removed, 'active', 1)};
    ${event(withdrawn, 'pending', 2)};
    set session_replication_role = replica;
    insert into messages (tenant_id, id, conversation_id, seq, created_change, change, author_kind, author_id, content, created_at)
      values ('${other}', gen_random_uuid(), gen_random_uuid(), 1, 1, 1, 'user', '${author}', 'x', now());
    set session_replication_role = origin`)
  for (const statement of migrations[index]?.sql ?? []) await run(statement)
  t.same(await run('select tenant_id, user_id, name from known_users order by user_id'), [
    { tenant_id: tenant, user_id: member, name: 'N3' },
    { tenant_id: tenant, user_id: removed, name: 'N5' },
    { tenant_id: other, user_id: author, name: 'N7' },
  ])
})
