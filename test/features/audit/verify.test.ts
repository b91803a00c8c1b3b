import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyChain } from '../../../src/features/audit/chain.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'
import { startScript } from '../../process/gateway-process.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const headers = await world.bearer('owner')
const path = `/v1/tenants/${world.acme.id}/audit-events/export`
// Unicode of many kinds, because PostgreSQL and the verifier both compute the digest from this text.
for (const name of ['Zoë 🦊', 'مفتاح', '\u2028 "quoted" \\ back', '1e21']) {
  const body = { name, expires_at: '2030-01-01T00:00:00.5Z' }
  await ask(gateway, `/v1/tenants/${world.acme.id}/keys`, { headers: { ...headers, 'user-agent': 'caf\u00e9' }, body })
}
const exported = (await ask(gateway, path, { headers })).text
const lines = exported.trimEnd().split('\n')
const LAST = lines.length

async function* from(given: readonly string[]) {
  yield* given
}
const verdictOf = (given: readonly string[]) => verifyChain(from(given))
/** Returns the lines with one event changed and serialised as in an export. */
const changed = (at: number, change: (event: Record<string, unknown>) => object) =>
  lines.map((line, position) => (position === at ? JSON.stringify(change(JSON.parse(line))) : line))
const without = (from_: number, count = 1) => lines.toSpliced(from_, count)
const swapped = (one: number, other: number) =>
  lines.map((line, position) => lines[position === one ? other : position === other ? one : position] ?? line)

t.test('a complete export is intact, and a part of it is intact as a part', async (t) => {
  t.ok(LAST > 10)
  t.same(await verdictOf(lines), { ok: true, events: LAST, erased: 0, first: 1, last: LAST, is_whole: true })
  t.match(await verdictOf(lines.slice(3)), { ok: true, last: LAST - 3, is_whole: true }, 'without its newest events')
  t.match(await verdictOf(lines.slice(2, 7)), { ok: true, events: 5, first: LAST - 6, is_whole: false })
  t.match(await verdictOf(lines.slice(0, 1)), { ok: true, events: 1, first: LAST, is_whole: false })
})

// Attack: changes rows in the database, or an exported file, to falsify the audit log.
t.test('a change of any event is detected at its line', async (t) => {
  const fields = Object.keys(JSON.parse(lines[0] as string)).filter((name) => name !== 'chain_seq')
  t.equal(fields.length, 13)
  for (const at of [0, 4, LAST - 1]) {
    for (const field of fields) {
      const value = field === 'hash' ? 'a'.repeat(64) : 'changed'
      t.match(
        await verdictOf(changed(at, (event) => ({ ...event, [field]: value }))),
        { ok: false },
        `${field} of ${at}`,
      )
    }
    const verdicts = {
      added: await verdictOf(changed(at, (event) => ({ ...event, more: 1 }))),
      removed: await verdictOf(changed(at, ({ address: _address, ...event }) => event)),
      null: await verdictOf(changed(at, (event) => ({ ...event, actor_id: null, actor_kind: 'system' }))),
    }
    for (const [what, verdict] of Object.entries(verdicts))
      t.match(verdict, { ok: false, line: at + 1 }, `${what} ${at}`)
  }
  const rewritten = changed(4, (event) => ({ ...event, changes: { forged: true } }))
  t.match(await verdictOf(rewritten), { ok: false, line: 5, reason: /hash/ })
})

t.test('a missing, repeated, reordered, inserted or renumbered line is detected', async (t) => {
  t.match(await verdictOf(without(4)), { ok: false, line: 5, reason: /are missing before it/ })
  t.match(await verdictOf(without(1, 5)), { ok: false, line: 2, reason: /are missing before it/ })
  t.match(await verdictOf(lines.toSpliced(4, 0, lines[4] as string)), { ok: false, line: 6, reason: /twice/ })
  t.match(await verdictOf(swapped(3, 4)), { ok: false, line: 4 })
  t.match(await verdictOf(swapped(0, LAST - 1)), { ok: false })
  t.match(await verdictOf(lines.toReversed()), { ok: false, line: 2, reason: /out of order/ })
  const renumbered = without(4).map((line, position) => {
    const event = JSON.parse(line)
    return position < 4 ? JSON.stringify({ ...event, chain_seq: event.chain_seq - 1 }) : line
  })
  t.match(await verdictOf(renumbered), { ok: false, line: 4, reason: /hash/ }, 'a gap closed by renumbering')
  const inserted = JSON.stringify({ ...JSON.parse(lines[4] as string), chain_seq: LAST + 1 })
  t.match(await verdictOf([inserted, ...lines]), { ok: false, line: 1 }, 'an event inserted before the newest')
  const foreign = (
    await ask(gateway, `/v1/tenants/${world.globex.id}/audit-events/export`, {
      headers: await world.bearer('other_owner'),
    })
  ).text.split('\n')[0] as string
  t.match(await verdictOf([...lines, foreign]), { ok: false, reason: /another tenant/ })
})

// Attack: writes a line that two JSON parsers read differently.
t.test('a line that no export writes is not accepted as an event', async (t) => {
  const first = lines[0] as string
  for (const line of [
    '',
    'null',
    '7',
    '[]',
    '{}',
    '"x"',
    first.replace('{', '{ '),
    first.replace('{', '{"action":"forged",'),
    `${first}\r`,
    first.slice(0, -5),
    first.replace('"action"', '"\\u0061ction"'),
    first.replace(/"chain_seq":\d+/, '"chain_seq":"1"'),
    first.replace(/"chain_seq":\d+/, '"chain_seq":0'),
    first.replace(/"hash":"[0-9a-f]+"/, '"hash":"xyz"'),
  ]) {
    t.match(
      await verdictOf([line, ...lines.slice(1)]),
      { ok: false, line: 1, reason: /not an event/ },
      line.slice(0, 40),
    )
  }
  t.match(await verdictOf([]), { ok: false, line: 0, reason: /no events/ })
})

t.test('npm run audit -- verify reports the result, and what the result does not prove', async (t) => {
  const folder = t.testdir()
  const run = async (content: string | undefined, args = ['verify', join(folder, 'export.ndjson')]) => {
    if (content !== undefined) writeFileSync(join(folder, 'export.ndjson'), content)
    return startScript(t, 'audit', args, {}).exit
  }
  const whole = await run(exported)
  t.match(whole, { code: 0, stderr: '' })
  t.match(whole.stdout, new RegExp(`^intact, from the first event on: ${LAST} events, positions 1 to ${LAST}`))
  t.match(
    whole.stdout,
    /does not prove:\n- that nothing follows position \d+.*\n- that the owner of the database did not rewrite the whole chain/,
  )
  t.match(whole.stdout, /what was never recorded did not happen\n$/)
  // An export that is cut off between two lines is intact, so the script must report what it does not know.
  const piece = await run(`${lines.slice(0, 5).join('\n')}\n`)
  t.equal(piece.code, 0)
  t.match(piece.stdout, new RegExp(`positions ${LAST - 4} to ${LAST}`))
  t.match(piece.stdout, new RegExp(`- anything about positions 1 to ${LAST - 5}: the end .* may have been cut off\n`))
  t.match(piece.stdout, new RegExp(`- what the line of position ${LAST - 4} says`))
  for (const [content, message] of [
    [exported.slice(0, -1), /^NOT INTACT: the file does not end with a whole line/],
    [exported.slice(0, -40), /^NOT INTACT: the file does not end with a whole line/],
    [`${without(4).join('\n')}\n`, /^NOT INTACT at line 5: positions \d+ down to \d+ are missing before it/],
    [`${changed(2, (event) => ({ ...event, actor_id: 'x' })).join('\n')}\n`, /^NOT INTACT at line 3: its hash/],
    ['', /^NOT INTACT: the export has no events/],
    ['chain_seq,created_at\n', /^NOT INTACT at line 1: the line is not an event/],
  ] as const) {
    const { code, stdout, stderr } = await run(content)
    t.same([code, stdout], [1, ''], String(message))
    t.match(stderr, message)
    t.match(stderr, /^[^\n]+\n$/, 'one line')
  }
  t.match(await run(undefined, []), { code: 1, stderr: /^usage: npm run audit/ })
  t.match(await run(undefined, ['verify']), { code: 1, stderr: /^usage/ })
  t.match(await run(undefined, ['verify', join(folder, 'nothing')]), { code: 1, stderr: /ENOENT/ })
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  t.match(scripts.audit, /dist\/audit\.js$/)
})
