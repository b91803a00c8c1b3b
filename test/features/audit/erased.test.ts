import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { applyRetention } from '../../../src/app/retention.js'
import { verifyChain } from '../../../src/features/audit/chain.js'
import { digestOfEvent, systemOrigin } from '../../../src/kernel/store/audit-record.js'
import type { ChangedFields } from '../../../src/kernel/store/subject.js'
import { readEverything } from '../../helpers/everywhere.js'
import { startGateway } from '../../helpers/gateway.js'
import { openRawStores } from '../../helpers/raw-stores.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'
import { startScript } from '../../process/gateway-process.js'

const DAY_MS = 86_400_000
const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme } = world
const headers = await world.bearer('owner')
const list = `/v1/tenants/${acme.id}/audit-events`
const linesOfExport = async (query = '') =>
  (await ask(gateway, `${list}/export${query}`, { headers })).text.trimEnd().split('\n')
async function* from(lines: readonly string[]) {
  yield* lines
}
const verdictOf = (lines: readonly string[]) => verifyChain(from(lines))

/** Creates and deletes a customer some days ago, and a key in between, so that not all events are of the data plane. */
async function changeDaysAgo(days: number) {
  gateway.clock.advance(-days * DAY_MS)
  const { id } = await world.createCustomer()
  await acme.store.write('tenant_key.created', (store) => store.keys.create({ name: 'Between', scopes: [] }))
  await acme.store.write('customer.deleted', (store) => store.customers.delete(id, undefined, store.customer_texts))
  gateway.clock.advance(days * DAY_MS)
}

await changeDaysAgo(50)
await changeDaysAgo(45)
await changeDaysAgo(1)
const original = await linesOfExport()
await ask(gateway, `/v1/tenants/${acme.id}`, { method: 'PATCH', headers, body: { retention: { data_audit_days: 30 } } })
await gateway.sql(`set session_replication_role = replica; update tenants set retention_from = now();
  reset session_replication_role`)
await applyRetention(gateway.stores)
const lines = await linesOfExport()
// biome-ignore lint/suspicious/noExplicitAny: lines are looked into as JSON
const parsed: any[] = lines.map((line) => JSON.parse(line))
const erased = parsed.filter((line) => 'erased' in line)
const at = parsed.findIndex((line) => 'erased' in line)

t.test('a chain with erased events is intact, and says nothing of them but their places', async (t) => {
  t.equal(erased.length, 4)
  t.same(await verdictOf(lines), {
    ok: true,
    events: original.length + 2,
    erased: 4,
    first: 1,
    last: original.length + 2,
    is_whole: true,
  })
  const before = new Map(original.map((line) => [JSON.parse(line).chain_seq, line]))
  for (const link of erased) {
    const { hash, chain_seq: _chain_seq, ...event } = JSON.parse(before.get(link.chain_seq) as string)
    t.same(link, {
      tenant_id: acme.id,
      chain_seq: link.chain_seq,
      erased: true,
      digest: digestOfEvent(event).toString('hex'),
      hash,
    })
    const everything = await readEverything(gateway.sql, gateway.signing_keys)
    t.same(
      everything.tablesWith(event.id),
      [],
      'the id of an erased event is nowhere: it kept the digest from being guessed',
    )
  }
  const [newest] = parsed
  t.match(newest, { action: 'retention.applied', actor_id: 'retention', changes: { deleted: { audit_events: 4 } } })
})

t.test('lists, filtered exports and CSV leave out erased events', async (t) => {
  const { body } = await ask(gateway, `${list}?limit=100`, { headers })
  t.equal(body.data.length, lines.length - 4)
  t.equal((await linesOfExport('?action=customer.deleted')).length, 1)
  const csv = await linesOfExport('?format=csv')
  t.equal(csv.length, 1 + lines.length - 4)
  t.notMatch(csv.join('\n'), /erased,|true/)
})

// Attack: cuts an event out of an export, and writes the line of an erased event in its place.
t.test('an event that is replaced by the line of an erased one is detected', async (t) => {
  const links = lines.map((line) => {
    const { chain_seq, hash, ...event } = JSON.parse(line)
    return JSON.stringify({
      tenant_id: acme.id,
      chain_seq,
      erased: true,
      digest: digestOfEvent(event).toString('hex'),
      hash,
    })
  })
  for (const position of [0, 1, at - 1, lines.length - 1]) {
    const verdict = await verdictOf(lines.with(position, links[position] as string))
    t.match(verdict, { ok: false, line: position + 1, reason: /no later event of the file says so/ }, `${position}`)
  }
  t.match(await verdictOf(lines.slice(1)), { ok: false, reason: /no later event/ }, 'without the event that names them')
})

t.test('a changed line of an erased event is detected', async (t) => {
  const link = parsed[at]
  const changed = (line: object) => verdictOf(lines.with(at, JSON.stringify(line)))
  const bad_hash = { ok: false, line: at + 1, reason: /hash/ }
  t.match(await changed({ ...link, digest: 'a'.repeat(64) }), bad_hash)
  t.match(await changed({ ...link, hash: 'a'.repeat(64) }), { ok: false, reason: /hash/ })
  t.match(await changed({ ...link, tenant_id: world.globex.id }), { ok: false, reason: /another tenant/ })
  for (const wrong of [
    { ...link, action: 'customer.deleted' },
    { ...link, erased: false },
    { ...link, erased: 'true' },
    { ...link, digest: 'xyz' },
    { chain_seq: link.chain_seq, erased: true, digest: link.digest, hash: link.hash },
    { ...JSON.parse(original.at(-1) as string), chain_seq: link.chain_seq, erased: true },
  ]) {
    t.match(await changed(wrong), { ok: false, line: at + 1, reason: /not an event/ }, JSON.stringify(wrong))
  }
  for (const erased_positions of [[[1, 1e15]], [[1, 10_000_000]], 'all', [[1]], [['1', '9']], [[9, 1]], null]) {
    const forged = { ...parsed[0], changes: { ...parsed[0].changes, erased_positions } }
    t.match(await verdictOf(lines.with(0, JSON.stringify(forged))), { ok: false }, JSON.stringify(erased_positions))
  }
})

t.test('npm run audit -- verify says how many events are erased, and that their content is not proved', async (t) => {
  const file = join(t.testdir(), 'export.ndjson')
  writeFileSync(file, `${lines.join('\n')}\n`)
  const { code, stdout } = await startScript(t, 'audit', ['verify', file], {}).exit
  t.equal(code, 0)
  t.match(stdout, /^4 of them are erased: the retention removed what they said, and recorded that it did\.$/m)
  t.match(stdout, /^- what the erased events said, and that they were old enough to be erased$/m)
})

// Attack: reads the name of a customer in an event that an earlier release has written, long after the customer is deleted.
t.test('events of earlier releases with values of customers are erased without a retention', async (t) => {
  const stores = openRawStores({ database: gateway.database, clock: gateway.clock.now, bus: gateway.bus })
  const changes = { fields: [], after: { name: 'OLDMARK' } } as ChangedFields
  const [{ id } = {}] = await gateway.sql(`select gen_random_uuid()::text as id`)
  await stores
    .tenant(world.globex.id, () => systemOrigin('test'))
    .write('customer.created', async ({ raw }) => {
      raw.scope.recordChange({ kind: 'customer', id: String(id), tenant_id: world.globex.id, changes })
    })
  const places = async () => (await readEverything(gateway.sql, gateway.signing_keys)).tablesWith('OLDMARK')
  t.same(await places(), ['audit_events'])
  await applyRetention(gateway.stores)
  t.same(await places(), [])
  const exported = await ask(gateway, `/v1/tenants/${world.globex.id}/audit-events/export`, {
    headers: await world.bearer('other_owner'),
  })
  t.match(await verdictOf(exported.text.trimEnd().split('\n')), { ok: true, erased: 1, is_whole: true })
})

t.test('an export of many erased events has each position once, in batches', async (t) => {
  await gateway.sql(`insert into audit_links select tenant_id, length + n, '\\x00', sha256('\\x00')
    from audit_chains, generate_series(1, 1700) n where tenant_id = '${world.globex.id}';
    update audit_chains set length = length + 1700 where tenant_id = '${world.globex.id}'`)
  const exported = await ask(gateway, `/v1/tenants/${world.globex.id}/audit-events/export`, {
    headers: await world.bearer('other_owner'),
  })
  const seqs: number[] = exported.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).chain_seq)
  t.ok(seqs.length > 1700)
  t.same(
    seqs,
    Array.from({ length: seqs.length }, (_, place) => seqs.length - place),
  )
})
