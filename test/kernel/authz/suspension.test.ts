import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { isActiveTenant, isSuspended } from '../../../src/kernel/authz/suspension.js'
import { queriesOn } from '../../../src/kernel/database/queries.js'
import { instantOf } from '../../../src/kernel/time/clock.js'
import { openTestDatabase } from '../../helpers/database.js'
import { t } from '../../helpers/t.js'

const { database, close } = await openTestDatabase()
t.teardown(close)

const NOW_MS = Date.parse('2026-03-01T12:00:00.000Z')
/** Instants within 2 ms of now, so that a `<` in place of a `<=` fails the test. */
const instant = fc.option(fc.integer({ min: -2, max: 2 }).map((offset_ms) => instantOf(NOW_MS + offset_ms)))
const tenant = fc
  .record({ trial_ends_at: instant, suspended_at: instant, suspended_until: instant, deleted_at: instant })
  .map((drawn) => (drawn.suspended_at === null ? { ...drawn, suspended_until: null } : drawn))

/** Whether each tenant is active according to the SQL condition, in the order of the tenants. */
function inSql(tenants: readonly object[]): Promise<boolean[]> {
  return database.transaction({ role: 'gatehouse_platform', share: 'test' }, async (run) => {
    const rows = await queriesOn(run).execute(sql`
      select ${isActiveTenant(instantOf(NOW_MS))} as is_active
      from rows from (jsonb_to_recordset(${JSON.stringify(tenants)}::jsonb) as (trial_ends_at timestamptz,
        suspended_at timestamptz, suspended_until timestamptz, deleted_at timestamptz)) with ordinality as "tenants"
      order by ordinality`)
    return (rows as unknown as { is_active: boolean }[]).map(({ is_active }) => is_active)
  })
}

// Requests use the rule in TypeScript. Invitations and origins use the SQL. Both must agree about every tenant.
t.test('the rule of suspension has the same result in TypeScript and in SQL', async (t) => {
  let suspended = 0
  await fc.assert(
    fc.asyncProperty(fc.array(tenant, { minLength: 100, maxLength: 200 }), async (tenants) => {
      const expected = tenants.map((each) => each.deleted_at === null && !isSuspended(each, NOW_MS))
      t.strictSame(await inSql(tenants), expected)
      suspended += tenants.filter((each) => isSuspended(each, NOW_MS)).length
    }),
    { numRuns: 10 },
  )
  t.ok(suspended > 100, `${suspended} suspended tenants were compared`)
})
