import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const owner = await world.bearer('owner')
const operator = await world.bearer('operator')
const path = `/v1/tenants/${acme.id}/audit-events`
const get = (query = '', at = path, headers = owner) => ask(gateway, at + query, { headers })
const change = async (method: string, of_acme: string, body?: unknown) => {
  const answer = await ask(gateway, `/v1/tenants/${acme.id}${of_acme}`, { method, headers: owner, body })
  if (answer.status >= 300) throw new Error(answer.text)
  return answer.body
}

const key = await change('POST', '/keys', { name: 'Audited' })
gateway.clock.advance(60_000)
await change('PATCH', `/keys/${key.id}`, { name: 'Audited still' })
gateway.clock.advance(60_000)
await change('DELETE', `/keys/${key.id}`)
await globex.store.write('tenant_key.created', (store) => store.keys.create({ name: 'GLOBEXMARK', scopes: [] }))

// biome-ignore lint/suspicious/noExplicitAny: events are looked into as JSON
type Event = any
const actionsOf = (events: Event[]) => events.map(({ action }) => action)
/** Follows `next_cursor` to the last page. */
async function everyPage(query: string, at = path, headers = owner): Promise<Event[]> {
  const events: Event[] = []
  let cursor = ''
  do {
    const answer = await get(`?${query}${cursor}`, at, headers)
    if (answer.status !== 200) throw new Error(answer.text)
    events.push(...answer.body.data)
    cursor = answer.body.next_cursor === null ? '' : `&cursor=${answer.body.next_cursor}`
  } while (cursor !== '')
  return events
}

t.test('200 events are newest first, record who did what from where, and belong to this tenant only', async (t) => {
  const { body, text } = await get('?limit=100')
  t.same(actionsOf(body.data).slice(0, 3), ['tenant_key.revoked', 'tenant_key.updated', 'tenant_key.created'])
  t.match(body.data[1], {
    tenant_id: acme.id,
    actor_kind: 'user',
    actor_id: ids.owner,
    target_kind: 'tenant_key',
    target_id: key.id,
    changes: { before: { name: 'Audited' }, after: { name: 'Audited still' } },
    address: '127.0.0.1',
    request_id: /./,
    created_at: /Z$/,
    hash: /^[0-9a-f]{64}$/,
  })
  t.notMatch(text, /GLOBEXMARK|digest|"seq"/)
  const seqs = body.data.map((event: Event) => event.chain_seq)
  t.same(
    seqs,
    seqs.map((_: number, position: number) => seqs[0] - position),
    'the chain has no gaps',
  )
})

t.test('200 all filters of a query must match', async (t) => {
  const all = (await get('?limit=100')).body.data as Event[]
  const [revoked, updated, created] = all
  const found = async (query: string) => (await get(`?limit=100&${query}`)).body.data.map(({ id }: Event) => id)
  const idsOf = (events: Event[]) => events.map(({ id }) => id)
  t.same(await found('action=tenant_key.updated'), [updated.id])
  t.same(await found(`target_id=${key.id}`), idsOf([revoked, updated, created]))
  t.same(await found(`actor_id=${ids.owner}`), idsOf(all.filter(({ actor_id }) => actor_id === ids.owner)))
  t.same(await found(`target_id=${key.id}&action=tenant_key.created&actor_id=${ids.owner}`), [created.id])
  t.same(await found(`actor_id=${ids.other_owner}`), [])
  t.same(await found(`from=${updated.created_at}&target_id=${key.id}`), idsOf([revoked, updated]), 'from included')
  t.same(await found(`to=${updated.created_at}&target_id=${key.id}`), [created.id], 'to excluded')
  t.same(await found(`from=${updated.created_at}&to=${revoked.created_at}`), [updated.id])
  t.same(await found(`from=${revoked.created_at}&to=${updated.created_at}`), [])
  for (const query of ['action=no.such', 'action=', 'actor_id=', `target_id=${'x'.repeat(129)}`, 'who=me', 'limit=0']) {
    t.match(await get(`?${query}`), { status: 400, body: { code: 'validation_failed' } }, query)
  }
  t.equal((await get('?actor_id=%00')).status, 400)
  // An id in another spelling fits no event. An empty page would say that nothing happened.
  const capitals = ids.owner.toUpperCase()
  const spellings = [capitals, `urn:uuid:${ids.owner}`, `{${ids.owner}}`, ` ${ids.owner}`, `${key.id} `, 'no id', '7']
  for (const spelling of spellings) {
    for (const filter of ['actor_id', 'target_id']) {
      const query = `?${filter}=${encodeURIComponent(spelling)}`
      t.match(await get(query), { status: 400, body: { code: 'validation_failed' } }, query)
      t.equal((await get(`/export${query}`)).status, 400, `export ${query}`)
    }
  }
  t.equal((await get(`?target_id=${ids.owner}/${capitals}`)).status, 400)
  for (const query of ['actor_id=sweep', `actor_id=${key.id}`, `target_id=${ids.owner}/audit:view`]) {
    t.equal((await get(`?${query}`)).status, 200, query)
  }
})

t.test('200 pages contain each event once, also with filters and while new events are written', async (t) => {
  const all = (await get('?limit=100')).body.data as Event[]
  t.same(await everyPage('limit=2'), all)
  t.same(await everyPage(`limit=1&target_id=${key.id}`), all.slice(0, 3))
  const first = await get('?limit=3')
  await change('POST', '/keys', { name: 'Between two pages' })
  const next = await get(`?limit=100&cursor=${first.body.next_cursor}`)
  t.same([...first.body.data, ...next.body.data], all, 'new events come before the first page')
  const link = first.headers.get('link') ?? ''
  t.match(link, /rel="next"/)
  t.same((await get('', /<([^>]+)>/.exec(link)?.[1])).body.data, all.slice(3, 6))
})

// Attack: uses the cursor of one tenant in the list of another, or with other filters.
// Attack: a member lists events with a filter that no event matches, so that one request reads the whole audit.
t.test('200 a search stops after 10,000 events, and its cursor continues it', async (t) => {
  const added = 25_000
  await gateway.sql(`insert into audit_events (id, tenant_id, action, actor_kind, target_kind, target_id, changes,
    created_at, chain_seq, digest, hash)
    select gen_random_uuid(), tenant_id, 'customer.created', 'system', 'customer', lpad(n::text, 12, '0'), '{}', now(), length + n,
      '\\x00', sha256('\\x00')
    from audit_chains, generate_series(1, ${added}) n where tenant_id = '${globex.id}';
    update audit_chains set length = length + ${added} where tenant_id = '${globex.id}'`)
  const headers = await world.bearer('other_owner')
  const pages: { data: unknown[]; next_cursor: string | null }[] = []
  let query = '?action=customer.deleted'
  do {
    const { body } = await ask(gateway, `/v1/tenants/${globex.id}/audit-events${query}`, { headers })
    pages.push(body)
    query = `?action=customer.deleted&cursor=${body.next_cursor}`
  } while (pages.at(-1)?.next_cursor !== null)
  t.equal(pages.length, 3)
  t.same(
    pages.flatMap(({ data }) => data),
    [],
  )
  const one = await ask(gateway, `/v1/tenants/${globex.id}/audit-events?target_id=000000000007`, { headers })
  t.match(
    one.body,
    { data: [{ target_id: '000000000007' }], next_cursor: null },
    'a filter with an index needs no search',
  )
})

t.test('400 a cursor is valid only for its tenant, its filters and its list', async (t) => {
  const { next_cursor } = (await get('?limit=1')).body
  const foreign = `/v1/tenants/${globex.id}/audit-events`
  const bad = { status: 400, body: { code: 'invalid_cursor' } }
  t.match(await get(`?cursor=${next_cursor}`, foreign, await world.bearer('other_owner')), bad)
  t.match(await get(`?cursor=${next_cursor}`, '/v1/platform/audit-events', operator), bad)
  t.match(await get(`?cursor=${next_cursor}&action=tenant_key.created`), bad)
  const of_keys = (await get('?limit=1', `/v1/tenants/${acme.id}/keys`)).body.next_cursor
  t.match(await get(`?cursor=${of_keys}`), bad)
  for (const cursor of ['x', 'AAAA', '%F0%9F%A6%8A', 'null', `${next_cursor}x`.slice(1)]) {
    t.match(await get(`?cursor=${cursor}`), bad, cursor)
  }
})

t.test('200 an operator sees the events of every tenant and of the platform', async (t) => {
  const events = await everyPage('limit=100', '/v1/platform/audit-events', operator)
  const of = (tenant_id: string | null) => events.filter((event) => event.tenant_id === tenant_id)
  // An operator sees more names than the tenant.
  const withoutNames = (all: Awaited<ReturnType<typeof everyPage>>) =>
    all.map((event) => ({ ...event, actor_name: undefined, target_name: undefined }))
  t.same(withoutNames(of(acme.id)), withoutNames(await everyPage('limit=100')))
  t.ok(of(globex.id).length > 0)
  t.ok(actionsOf(of(null)).includes('user.created'))
  const logins = await everyPage('limit=2&action=session.started', '/v1/platform/audit-events', operator)
  t.same([...new Set(actionsOf(logins))], ['session.started'])
})

// Attack: takes over the gateway and changes the audit log with a database role of the gateway.
t.test('42501 no database role of the running gateway can change audit events or chains', async (t) => {
  const bindings = [
    { role: 'gatehouse_tenant', tenant_id: acme.id },
    { role: 'gatehouse_platform', share: 'test' },
  ] as const
  const before = await gateway.sql('select * from audit_events order by seq')
  for (const binding of bindings) {
    for (const text of [
      'update audit_events set action = action',
      'update audit_events set created_at = now() where false',
      'delete from audit_events where false',
      'truncate audit_events',
      `insert into audit_events (id, action, actor_kind, target_kind, changes, created_at, chain_seq, digest, hash)
        select id, action, actor_kind, target_kind, changes, created_at, chain_seq, digest, hash from audit_events`,
      'update audit_chains set length = 0',
      'delete from audit_chains',
      'insert into audit_chains select * from audit_chains',
      'alter table audit_events disable row level security',
      'drop table audit_events',
      'create or replace function append_audit_event(event jsonb, event_digest bytea) returns void language sql as $$ $$',
    ]) {
      const tried = gateway.database.transaction(binding, (run) => run({ text, values: [], row_mode: 'object' }))
      await t.rejects(tried, { code: '42501' }, `${binding.role}: ${text}`)
    }
  }
  t.same(await gateway.sql('select * from audit_events order by seq'), before)
})
