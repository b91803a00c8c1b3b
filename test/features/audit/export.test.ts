import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import type { Database } from '../../../src/kernel/database/database.js'
import { openTestDatabase, type TestDatabase } from '../../helpers/database.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld } from '../../helpers/world.js'

/** The number of events that an export reads in one query. */
const BATCH = 50
const MANY = 80 * BATCH + 1
const test_database = await openTestDatabase()
const signing_keys = generateSigningKeys()
/** Counts the reads of events, and fails the read with the number `fail_at`. */
const reads = { events: 0, fail_at: Number.POSITIVE_INFINITY }
const counted: Database = {
  ...test_database.database,
  readOne: async (binding, statement) => {
    if (/from "audit_events"/.test(statement.text)) {
      reads.events += 1
      if (reads.events === reads.fail_at) {
        throw Object.assign(new Error('terminating connection, password=hunter2'), { code: '57P01' })
      }
    }
    return test_database.database.readOne(binding, statement)
  },
}
const on: TestDatabase = { ...test_database, database: counted }
const gateway = await startGateway({ on, signing_keys })
t.teardown(async () => {
  await gateway.close()
  await test_database.close()
})
const world = await buildWorld(gateway)
const { acme, globex } = world
const owner = await world.bearer('owner')
const other_owner = await world.bearer('other_owner')
const path = `/v1/tenants/${acme.id}/audit-events/export`
const of_globex = `/v1/tenants/${globex.id}/audit-events/export`
const fresh = (fail_at = Number.POSITIVE_INFINITY) => Object.assign(reads, { events: 0, fail_at })

// Globex gets more events than the buffers between the database and the client hold.
await gateway.sql(`insert into audit_events (id, tenant_id, action, actor_kind, target_kind, target_id, changes,
  created_at, chain_seq, digest, hash)
  select gen_random_uuid(), tenant_id, 'customer.created', 'system', 'customer', n::text,
    jsonb_build_object('filler', repeat('x', 2000)), now(), length + n, '\\x00', sha256('\\x00')
  from audit_chains, generate_series(1, ${MANY}) n where tenant_id = '${globex.id}';
  update audit_chains set length = length + ${MANY} where tenant_id = '${globex.id}'`)

t.test('200 an NDJSON export has every event of the list, newest first, one per line', async (t) => {
  const page = (await ask(gateway, `/v1/tenants/${acme.id}/audit-events?limit=100`, { headers: owner })).body.data
  // A list has names, and an export has none.
  const listed = page.map(({ actor_name: _actor, target_name: _target, ...event }: Record<string, unknown>) => event)
  const answer = await ask(gateway, path, { headers: owner })
  t.equal(answer.headers.get('content-type'), 'application/x-ndjson; charset=utf-8')
  t.match(answer.headers.get('content-disposition'), /^attachment; filename="audit-events\.ndjson"$/)
  t.equal(answer.headers.get('cache-control'), 'no-store')
  t.match(answer.text, /}\n$/)
  t.same(
    answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    listed,
  )
  t.notMatch(answer.text, /GLOBEXMARK/)
  const filtered = await ask(gateway, `${path}?action=member.added`, { headers: owner })
  t.ok(filtered.text.split('\n').filter(Boolean).length >= 6)
  t.notMatch(filtered.text, /tenant_key/)
  t.equal(
    (await ask(gateway, `${path}?from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z`, { headers: owner })).text,
    '',
  )
  for (const query of ['format=xml', 'limit=5', 'cursor=x', 'action=nothing']) {
    t.equal((await ask(gateway, `${path}?${query}`, { headers: owner })).status, 400, query)
  }
  t.equal((await ask(gateway, path, { headers: await world.bearer('agent') })).status, 403)
})

// Attack: writes a name or a user agent that a spreadsheet would run as a formula.
t.test('200 a CSV export has a header, quotes its cells, and contains no formula', async (t) => {
  const agent = '=HYPERLINK("http://evil.example","click")'
  const name = 'Comma, "quote"; =1+1'
  const headers = { ...owner, 'user-agent': agent }
  await ask(gateway, `/v1/tenants/${acme.id}/keys`, { headers, body: { name } })
  const answer = await ask(gateway, `${path}?format=csv`, { headers: owner })
  t.equal(answer.headers.get('content-type'), 'text/csv; charset=utf-8; header=present')
  const [head = '', first = '', ...rest] = answer.text.split('\n')
  t.equal(head.split(',').length, 14)
  t.match(head, /^chain_seq,created_at,tenant_id,action,/)
  t.equal(rest.pop(), '', 'the last line is complete')
  const cells = parseCsvLine(first)
  t.equal(cells.length, 14)
  const column = (of: string) => cells[head.split(',').indexOf(of)] as string
  t.equal(column('user_agent'), `'${agent}`)
  t.equal(JSON.parse(column('changes')).after.name, name, 'the JSON in the cell is unchanged')
  t.equal(column('action'), 'tenant_key.created')
  for (const line of [first, ...rest]) for (const cell of parseCsvLine(line)) t.notMatch(cell, /^[=+@\t\r-]/)
})

t.test('200 an export of many batches has each event once', async (t) => {
  fresh()
  const answer = await ask(gateway, of_globex, { headers: other_owner })
  const seqs = answer.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).chain_seq as number)
  t.ok(seqs.length >= MANY)
  t.ok(
    seqs.every((seq, position) => seq === (seqs[0] as number) - position),
    'in order, without gap or repeat',
  )
  t.equal(seqs.at(-1), 1)
  t.ok(reads.events >= 12, `${reads.events} reads`)
})

/** Starts an export and waits for its first chunk. */
async function begun(): Promise<IncomingMessage> {
  const [response] = (await once(httpGet(gateway.url + of_globex, { headers: other_owner }), 'response')) as [
    IncomingMessage,
  ]
  response.on('error', () => undefined)
  await once(response, 'readable')
  return response
}

// Attack: starts exports and disconnects, to use up the database connections.
t.test('a client that disconnects during an export leaves no query, no busy connection and no error', async (t) => {
  for (let round = 0; round < 6; round += 1) {
    fresh()
    const response = await begun()
    response.read(1)
    response.destroy()
    await once(response, 'close')
    await until('no connection is busy', () => gateway.database.load().busy === 0)
  }
  const after = reads.events
  t.ok(after < MANY / BATCH / 2, `${after} reads of ${MANY / BATCH} batches`)
  t.equal((await ask(gateway, `${path}`, { headers: owner })).status, 200, 'the next export')
  t.same(
    gateway.lines.filter((line) => /"level":"(error|fatal)"/.test(line) && !/terminated/.test(line)),
    [],
  )
})

t.test('backpressure: an export stops reading when its client does not read', async (t) => {
  fresh()
  const response = await begun()
  let last = -1
  let polls_without_a_read = 0
  // The export stops when the buffers are full, and continues only when the client reads.
  await until('the export stops reading', () => {
    polls_without_a_read = reads.events === last ? polls_without_a_read + 1 : 0
    last = reads.events
    return polls_without_a_read === 50
  })
  t.ok(last < MANY / BATCH, `${last} reads`)
  response.destroy()
  await once(response, 'close')
})

// Attack: a removed user goes on reading an export that they started before.
t.test('an export breaks off when its user loses the right to read it', async (t) => {
  fresh()
  const response = await begun()
  t.teardown(() => response.destroy())
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    response.pause()
  })
  const closed = new Promise((resolve) => response.once('close', resolve))
  await gateway.sql(
    `update memberships set state = 'disabled' where tenant_id = '${globex.id}' and user_id = '${world.ids.other_owner}'`,
  )
  response.on('data', () => response.resume())
  response.resume()
  await closed
  t.equal(response.complete, false, 'the client sees that the export is not complete')
  t.ok(bytes > 0)
  t.ok(reads.events < MANY / BATCH, `${reads.events} reads of ${MANY / BATCH} batches`)
  await gateway.sql(
    `update memberships set state = 'active' where tenant_id = '${globex.id}' and user_id = '${world.ids.other_owner}'`,
  )
})

// Attack: a user starts many exports, so that the process and the database have no time for others.
t.test('429 a third export of a user at the same time, until one of the others ends', async (t) => {
  fresh()
  const first = await begun()
  const second = await begun()
  const refused = await ask(gateway, of_globex, { headers: other_owner })
  t.match(refused, { status: 429, body: { code: 'too_many_connections', detail: /2 exports/ } })
  t.equal(refused.headers.get('retry-after'), '5')
  t.equal((await ask(gateway, path, { headers: owner })).status, 200, 'a user of another tenant')
  first.destroy()
  await until(
    'there is room',
    async () => (await ask(gateway, of_globex, { method: 'HEAD', headers: other_owner })).status === 200,
  )
  second.destroy()
})

// A client must not take half an export for a complete one.
t.test('503 a database failure before the first event; a later failure breaks the connection', async (t) => {
  for (const format of ['ndjson', 'csv']) {
    fresh(4)
    const response = await fetch(`${gateway.url}${of_globex}?format=${format}`, { headers: other_owner })
    t.equal(response.status, 200)
    await t.rejects(response.text(), 'the body is cut off')
    fresh(1)
    const refused = await ask(gateway, `${of_globex}?format=${format}`, { headers: other_owner })
    t.match(refused, { status: 503, body: { code: 'service_unavailable' } })
    t.match(refused.headers.get('content-type'), /problem\+json/)
    t.notMatch(refused.text, /terminating|hunter2/)
  }
  fresh()
  t.equal((await ask(gateway, path, { headers: owner })).status, 200)
})

t.test('200 HEAD has the headers of GET, and reads no events', async (t) => {
  fresh()
  const answer = await ask(gateway, of_globex, { method: 'HEAD', headers: other_owner })
  t.equal(answer.status, 200)
  t.match(answer.headers.get('content-type'), /ndjson/)
  t.equal(reads.events, 0)
})

t.test('an export may run for at least 10 minutes', async (t) => {
  const route = gateway.routes.find(({ url, method }) => url.endsWith('/audit-events/export') && method === 'GET')
  t.ok((route?.config?.handler_ms_max ?? 0) >= 600_000)
})

/** Parses one line of CSV (RFC 4180) without line breaks in its cells. */
function parseCsvLine(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  )
}
