import fc from 'fast-check'
import { isVisible } from '../../../src/kernel/replicas/snapshot.js'
import { openTestDatabase } from '../../helpers/database.js'
import { randomSeed } from '../../helpers/random.js'
import { t } from '../../helpers/t.js'

const database = await openTestDatabase()
t.teardown(() => database.close())

t.test('a transaction is visible in a snapshot exactly if PostgreSQL says so', async (t) => {
  const seed = randomSeed(t)
  const snapshots = fc
    .record({
      xmin: fc.integer({ min: 3, max: 40 }),
      length: fc.nat(20),
      active: fc.uniqueArray(fc.nat(19), { maxLength: 6 }),
      high: fc.boolean(),
    })
    .map(({ xmin, length, active, high }) => {
      // Numbers beyond 2^53, as after many years.
      const base = (high ? 2n ** 60n : 0n) + BigInt(xmin)
      const xmax = base + BigInt(length)
      const running = active.filter((each) => each < length).map((each) => base + BigInt(each))
      const first = running.reduce((least, each) => (each < least ? each : least), xmax)
      const sorted = running.sort((one, other) => (one < other ? -1 : 1))
      return { snapshot: `${first}:${xmax}:${sorted.join(',')}`, base }
    })
  const cases = fc.sample(fc.tuple(snapshots, fc.integer({ min: -3, max: 24 })), { numRuns: 300, seed })
  const asked = cases.map(([{ snapshot, base }, offset]) => ({ snapshot, xid: String(base + BigInt(offset)) }))
  const valid = asked.filter(({ xid }) => BigInt(xid) >= 3n)
  const rows = await database.sql(
    valid
      .map(
        ({ snapshot, xid }) =>
          `select pg_visible_in_snapshot('${xid}'::xid8, '${snapshot}'::pg_snapshot) as is_visible`,
      )
      .join(' union all '),
  )
  t.equal(rows.length, valid.length)
  const wrong = valid.filter(({ snapshot, xid }, index) => isVisible(xid, snapshot) !== rows[index]?.is_visible)
  t.same(wrong, [])
  t.ok(new Set(rows.map(({ is_visible }) => is_visible)).size === 2, 'both answers occur')
})
