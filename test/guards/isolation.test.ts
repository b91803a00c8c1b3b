import { randomUUID } from 'node:crypto'
import { checkPreconditions, tablesWithoutWall } from '../../src/kernel/database/preconditions.js'
import { tenant } from '../../src/kernel/request/access.js'
import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld } from '../helpers/world.js'
import { plantConversation } from './conversation-rows.js'
import { examplesOf } from './examples.js'
import { fingerprint, foreignIdViolations, tenantTables, tried, walllessTables } from './isolation.js'
import { guardedRoutes, parametersOf, pathOf } from './route-table.js'

const gateway = await startGateway({
  more: async (app) => {
    const schema = { operationId: 'leak', params: { type: 'object', properties: { id: { type: 'string' } } } }
    app.get('/guard/leak/:id', { config: tenant('conversations:view'), schema }, async (request, reply) => {
      const { id } = request.params as { id: string }
      const [row] = await gateway.sql(`select name from customers where id::text = '${id}'`)
      return reply.code(404).send({ hint: row === undefined ? 'no such customer' : 'not yours' })
    })
  },
})
t.teardown(async () => {
  gateway.undeclared.length = 0
  await gateway.close()
})
const { database, sql } = gateway
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const every_route = guardedRoutes(gateway.routes)
const routes = every_route.filter((route) => !route.url.startsWith('/guard/'))

// Every table of tenants gets rows of both tenants. Text columns hold the marker of the tenant.
const phones = { acme: '+4915112345678', globex: '+4915112345679' }
const rows_of = {
  acme: await world.createCustomer('acme', { phone: phones.acme, tags: ['shared'] }),
  globex: await world.createCustomer('globex', { phone: phones.globex, tags: ['shared', 'GLOBEXMARK'] }),
}
for (const [own, user_id, mark] of [
  [acme, ids.owner, 'ACMEMARK'],
  [globex, ids.other_owner, 'GLOBEXMARK'],
] as const) {
  await own.store.write('tenant_key.created', (store) => store.keys.create({ name: `Key ${mark}`, scopes: [] }))
  const role_id = randomUUID()
  const invitation_id = randomUUID()
  await sql(`
    insert into roles (tenant_id, id, name, created_at) values ('${own.id}', '${role_id}', 'Role ${mark}', now());
    insert into overrides values ('${own.id}', '${user_id}', 'agents:view', 'grant', '${mark}', now());
    insert into invitations (tenant_id, id, email, token_digest, created_at, delivery_state, delivery_at, expires_at)
      values ('${own.id}', '${invitation_id}', '${mark}@people.example', '${mark}', now(), 'queued', now(), now());
    insert into mails values ('${randomUUID()}', '${own.id}', '${invitation_id}', 'invitation', '${mark}', '', '${mark}',
      '${mark}', true, 1, now(), now(), now() + interval '1 hour');
    insert into invitation_roles values ('${own.id}', '${invitation_id}', '${role_id}');
    insert into usage_hours values ('${own.id}', now(), '${mark}', '/${mark}', 200, '', 1, 1, 1);
    insert into audit_links values ('${own.id}', 1000000, '${mark}', '${mark}');
    insert into idempotency_records values ('${own.id}', '${mark}', '/${mark}', '${mark}', '', 200, '${mark}', now(), now())`)
}
const talks = {
  acme: await plantConversation(sql, acme.id, ids.owner, 'ACMEMARK'),
  globex: await plantConversation(sql, globex.id, ids.other_owner, 'GLOBEXMARK'),
}
const tables = await tenantTables(sql)

// Attack: a tenant reads the rows of another tenant in a new table that was created without row-level security.
t.test('every table has its policy, and the guard and the start refuse a table or a view without one', async (t) => {
  t.ok(tables.length >= 8, tables.map(({ table }) => table).join())
  t.same(await walllessTables(sql), [])
  t.same(await tablesWithoutWall(database), [])
  await checkPreconditions(database)
  const bad = {
    'no row-level security': 'create table leaky (tenant_id uuid, name text)',
    'no policy for tenants': 'create table leaky (tenant_id uuid); alter table leaky enable row level security',
    'a policy that allows all rows':
      'create table leaky (tenant_id uuid); alter table leaky enable row level security; create policy tenant_isolation on leaky to gatehouse_tenant using (true)',
    'a policy for all roles':
      "create table leaky (id uuid); select isolate('leaky', 'select', 'id'); create policy everybody on leaky using (id is not null)",
  }
  for (const [what, statement] of Object.entries(bad)) {
    await sql(statement)
    t.same(await walllessTables(sql), ['leaky'], `the guard: ${what}`)
    t.same(await tablesWithoutWall(database), ['leaky'], `the start: ${what}`)
    await t.rejects(checkPreconditions(database), { message: /row-level security is missing on: leaky/ }, what)
    await sql('drop table leaky')
  }
  await sql('create view leaky as select * from customers')
  t.same(await walllessTables(sql), ['leaky'], 'the guard: a view, which reads with the rights of its owner')
  t.same(await tablesWithoutWall(database), ['leaky'], 'the start: a view, which reads with the rights of its owner')
  await sql('drop view leaky')
})

// Attack: a statement of a tenant makes a temporary table with the name of one that a function of the owner uses.
t.test('every function that runs with the rights of the owner has a fixed search path', async (t) => {
  const rows = await sql(
    `select proname as name, proconfig::text as settings from pg_proc where prosecdef and pronamespace = current_schema()::regnamespace`,
  )
  t.ok(rows.length >= 8, `${rows.length} functions`)
  for (const { name, settings } of rows) t.match(settings, /search_path=\w+, pg_temp/, String(name))
})

// Attack: a caller tries ids of other tenants. A different status, text or length would reveal that the object exists.
t.test('404 or 403 an id of another tenant gets the response of an unknown id', async (t) => {
  const [key] = await sql(`select id from tenant_keys where tenant_id = '${globex.id}' limit 1`)
  const [role] = await sql(`select id from roles where tenant_id = '${globex.id}' limit 1`)
  const [invitation] = await sql(`select id from invitations where tenant_id = '${globex.id}' limit 1`)
  const of_globex = [...[role, key, invitation].map((row) => String(row?.id)), ...Object.values(talks.globex)]
  const foreign_ids = [globex.id, rows_of.globex.id, ids.other_owner, ...of_globex]
  const own = routes.filter(({ access, url }) => /tenant|member/.test(access.kind) && parametersOf(url).length > 0)
  t.ok(own.length >= 30, `${own.length} routes`)
  const { violations, asked } = await foreignIdViolations(gateway, own, examplesOf(gateway, world), foreign_ids)
  t.same(violations, [])
  t.ok(asked >= own.length * foreign_ids.length)

  const bad = every_route.filter((route) => route.operation_id === 'leak')
  const headers = await world.as('owner')
  const leak = await foreignIdViolations(gateway, bad, { leak: async () => ({ headers }) }, foreign_ids)
  t.equal(leak.violations.length, 1, 'the guard finds a response that differs')
  t.match(leak.violations[0], /not yours.* is not .*no such customer/)
})

// Attack: a caller finds an unforeseen leak. The test searches every response for the marker of the other tenant.
t.test('no response of any route holds the marker of the other tenant', async (t) => {
  let looked = 0
  for (const [side, mark, other] of [
    ['acme', 'GLOBEXMARK', globex],
    ['globex', 'ACMEMARK', acme],
  ] as const) {
    const examples = examplesOf(gateway, world, side)
    const other_side = side === 'acme' ? 'globex' : 'acme'
    const hunt = [
      ...['name', 'search', 'tag', 'cursor'].map((name) => `?${name}=${mark}`),
      `?search=${encodeURIComponent(phones[other_side])}`,
      `?tag=shared&limit=100`,
      `?search=%25`,
      `?format=csv`,
      ...['key', 'route', 'status', 'hour', 'day'].map((group) => `?group_by=${group}`),
      `?cursor=c${Buffer.from(`x.${rows_of[other_side].id}`).toString('base64url')}`,
    ]
    for (const route of routes.filter(({ access }) => access.kind !== 'operator')) {
      const example = await examples[route.operation_id]?.()
      if (example === undefined) throw new Error(`${route.name} has no example`)
      const path = pathOf(route.url, example.params ?? {})
      for (const query of route.method === 'GET' ? ['', ...hunt] : ['']) {
        const { headers, body, form } = example
        const options = { method: route.method, headers: { ...headers }, body, form }
        const answer = await ask(gateway, path + query, options)
        if (query === '' && answer.status >= 300 && route.operation_id !== 'register')
          t.fail(`${route.name}: ${answer.status} ${answer.text}`)
        const said = answer.text + JSON.stringify([...answer.headers])
        // The response may repeat the query of the request.
        if (said.replaceAll(query, '').includes(mark)) t.fail(`${route.name}${query}: ${answer.text}`)
        if (said.includes(other.id) || said.includes(rows_of[other_side].id)) t.fail(`${route.name}${query}: an id`)
        looked += 1
      }
    }
  }
  t.ok(looked > 200, `${looked} responses`)
  const own = await ask(gateway, '/v1/customers?search=MARK', { headers: await world.as('owner') })
  t.match(own.text, /ACMEMARK/, 'the marker of the own tenant')
})

// Attack: a caller uses conflicts, or a cursor of another tenant, to learn which values and rows that tenant has.
t.test('a value of another tenant causes no conflict, and a cursor of another tenant is invalid', async (t) => {
  const wish = { name: 'Same phone', phone: phones.globex }
  const answer = await ask(gateway, '/v1/customers', { headers: await world.as('owner'), body: wish })
  t.equal(answer.status, 201, answer.text)
  await world.createCustomer('globex')
  const of_globex = await world.as('other_owner', globex)
  const page = await ask(gateway, '/v1/customers?limit=1', { headers: of_globex })
  const cursor = `/v1/customers?limit=1&cursor=${page.body.next_cursor}`
  t.equal((await ask(gateway, cursor, { headers: of_globex })).status, 200)
  const taken = await ask(gateway, cursor, { headers: await world.as('owner') })
  t.match(taken.body, { status: 400, code: 'invalid_cursor' })
})

// Attack: a query lacks its WHERE on the tenant. Row-level security alone must hide and protect the other rows.
t.test('without a WHERE, a tenant reads and changes only its own rows, in every table', async (t) => {
  const theirRows = () => sql(`select * from customers where tenant_id = '${globex.id}' order by id`)
  const before = await theirRows()
  for (const { table, column } of tables) {
    const of_both = await sql(
      `select count(*) filter (where ${column} = '${globex.id}')::int as theirs, count(*) filter (where ${column} = '${acme.id}')::int as mine from ${table}`,
    )
    const [{ theirs, mine } = { theirs: 0, mine: 0 }] = of_both as { theirs: number; mine: number }[]
    t.ok(theirs > 0 && mine > 0, `${table} has rows of both tenants`)
    const read = await database.readOne(
      { role: 'gatehouse_tenant', tenant_id: acme.id },
      { text: `select ${column} as whose from ${table}`, values: [], row_mode: 'object' },
    )
    t.equal(read.length, mine, `${table}: the number of its own rows`)
    t.ok((read as { whose: string }[]).every(({ whose }) => whose === acme.id))
    const statements = [
      `delete from ${table} returning ${column} as whose`,
      `update ${table} set ${column} = ${column} returning ${column} as whose`,
    ]
    for (const statement of statements) {
      const outcome = await tried(database, acme.id, statement)
      // The statement is forbidden, a foreign key prevents it, or it changes only the tenant's own rows.
      if (typeof outcome === 'string') t.match(outcome, /^(42501|23503|428C9)$/, statement)
      else t.ok(outcome.length === mine && outcome.every(({ whose }) => whose === acme.id), statement)
    }
    t.equal(await tried(database, acme.id, `update ${table} set ${column} = '${globex.id}'`), '42501', `${table}: move`)
  }
  t.same(await theirRows(), before)
})

// Attack: a statement of one tenant inserts a row for another tenant.
t.test('the database refuses to insert a row of another tenant, in every table', async (t) => {
  for (const { table, column } of tables) {
    const columns = await sql(
      `select attname as name from pg_attribute where attrelid = '${table}'::regclass and attnum > 0 and not attisdropped and attidentity = '' and attname <> '${column}'`,
    )
    const names = columns.map(({ name }) => `"${name}"`).join()
    const statement = `insert into ${table} (${column}, ${names}) select '${globex.id}', ${names} from ${table} limit 1`
    t.equal(await tried(database, acme.id, statement), '42501', table)
  }
})

// Attack: a statement, even of the owner of the database, makes a row of one tenant refer to a row of another.
t.test('a foreign key of one tenant cannot refer to a row of another', async (t) => {
  const [role] = await sql(`select id from roles where tenant_id = '${globex.id}' and system_role = 'owner'`)
  const crossing = [
    `insert into membership_roles values ('${acme.id}', '${ids.agent}', '${role?.id}')`,
    `insert into membership_roles select '${acme.id}', '${ids.other_owner}', id from roles where tenant_id = '${acme.id}' and system_role = 'agent'`,
    `insert into overrides values ('${acme.id}', '${ids.other_owner}', 'agents:edit', 'grant', '', now())`,
    `insert into conversation_members values ('${acme.id}', '${talks.globex.id}', '${ids.agent}', 'owner', now())`,
    `insert into conversation_members values ('${acme.id}', '${talks.acme.id}', '${ids.other_owner}', 'owner', now())`,
    `update conversations set customer_id = '${rows_of.globex.id}' where id = '${talks.acme.id}'`,
    `update conversations set assignee_id = '${ids.other_owner}' where id = '${talks.acme.id}'`,
    `update messages set conversation_id = '${talks.globex.id}' where id = '${talks.acme.message_id}'`,
    `update messages set reply_to = '${talks.globex.message_id}' where id = '${talks.acme.message_id}'`,
    `update message_reports set message_id = '${talks.globex.message_id}' where id = '${talks.acme.report_id}'`,
  ]
  for (const statement of crossing) await t.rejects(sql(statement), { code: '23503' }, statement)
})

// Attack: a statement runs in a transaction without a tenant, or with a forged tenant id. An empty result instead of an
// error would look like a tenant without rows.
t.test('a statement without a valid tenant fails and reads nothing', async (t) => {
  for (const { table } of tables) {
    const statement = { text: `select * from ${table}`, values: [], row_mode: 'array' } as const
    await t.rejects(database.readOne({ role: 'gatehouse_tenant', tenant_id: '' }, statement), { code: '42501' }, table)
    if (database.engine === 'pooled') await t.rejects(database.owner.query(statement.text), { code: '42501' }, table)
  }
  const forged = { role: 'gatehouse_tenant', tenant_id: `${acme.id}' or true --` } as const
  const statement = { text: 'select * from customers', values: [], row_mode: 'array' } as const
  await t.rejects(database.transaction(forged, (run) => run(statement)))
  await t.rejects(database.readOne(forged, statement))
})

// Attack: a statement of the tenant role reads password hashes and sessions, or one of the platform role reads customers.
t.test('each database role reads no more than it needs, and neither can change the audit', async (t) => {
  for (const text of [
    'select password_hash from users',
    'select * from users',
    'select email_verified_at from users',
    'select * from sessions',
    'select * from refresh_tokens',
    'select * from operators',
    'insert into memberships select * from memberships; set role gatehouse_platform',
    'update tenants set suspended_at = null',
    'update tenants set requests_per_minute = 1000000',
    "select isolate('customers')",
    'delete from tenant_keys',
    "insert into audit_events (id, action, actor_kind, target_kind, changes, created_at, chain_seq, digest, hash) values (gen_random_uuid(), '', '', '', '{}', now(), 1, '', '')",
    `select append_audit_event('{"tenant_id": "${globex.id}"}', '')`,
    `select append_audit_event('{}', '')`,
    'select * from one_time_tokens',
    'create table mine (id int)',
  ]) {
    const outcome = await tried(database, acme.id, text)
    t.ok(outcome === '42501' || outcome === '42601', `${text}: ${JSON.stringify(outcome)}`)
  }
  const asPlatform = (text: string) =>
    database.transaction({ role: 'gatehouse_platform', share: 'test' }, (run) =>
      run({ text, values: [], row_mode: 'object' }),
    )
  for (const text of [
    'select * from customers',
    'delete from customers',
    "insert into customers (tenant_id, id, name, created_at, updated_at) values (gen_random_uuid(), gen_random_uuid(), '', now(), now())",
    'delete from tenants',
    'delete from users',
  ])
    await t.rejects(asPlatform(text), { code: '42501' }, text)
  for (const text of ['update audit_events set actor_id = null', 'delete from audit_events', 'truncate audit_events']) {
    t.equal(await tried(database, acme.id, text), '42501', text)
    await t.rejects(asPlatform(text), { code: '42501' }, text)
  }
  const members = await tried(database, acme.id, 'select id, email from users')
  t.ok(Array.isArray(members) && members.length > 0 && members.every(({ id }) => id !== ids.other_owner))
})

// Attack: a member of two tenants sends the id of one with the key of the other. The key and the membership must both
// belong to the tenant.
t.test('a member of two tenants acts in the tenant of the key, and cannot mix the credentials of both', async (t) => {
  await sql(`insert into memberships values ('${globex.id}', '${ids.agent}', 'active', now(), now());
    insert into membership_roles select '${globex.id}', '${ids.agent}', id from roles where tenant_id = '${globex.id}' and system_role = 'analyst'`)
  const here = await ask(gateway, '/v1/access', { headers: await world.as('agent') })
  const there = await ask(gateway, '/v1/access', { headers: await world.as('agent', globex) })
  t.match(here.body, { tenant: { id: acme.id }, roles: ['Agent'] })
  t.match(there.body, { tenant: { id: globex.id }, roles: ['Analyst'] })
  const crossed = await ask(gateway, '/v1/access', {
    headers: await world.as('agent', { id: acme.id, key: globex.key }),
  })
  const unknown = await ask(gateway, '/v1/access', {
    headers: await world.as('agent', { id: '00000000-0000-4000-8000-000000000000', key: globex.key }),
  })
  t.equal(crossed.status, 401)
  t.equal(fingerprint(crossed), fingerprint(unknown))
})
