import { sweepSessions } from '../../src/app/sweep.js'
import { startGateway } from '../helpers/gateway.js'
import { t } from '../helpers/t.js'
import { buildWorld, login } from '../helpers/world.js'

const DAY_MS = 86_400_000

const gateway = await startGateway()
t.teardown(() => gateway.close())
await buildWorld(gateway)

t.test('sessions that were over a month ago are deleted with their tokens, and no others', async (t) => {
  await login(gateway, 'agent')
  gateway.clock.advance(36 * DAY_MS)
  t.equal(await sweepSessions(gateway.stores), 0, 'over for 29 days: kept')
  await login(gateway, 'owner')
  gateway.clock.advance(2 * DAY_MS)
  t.equal(await sweepSessions(gateway.stores), 1)
  const [left] = await gateway.sql('select count(*)::int as tokens from refresh_tokens')
  t.equal(left?.tokens, 1)
  t.equal(await sweepSessions(gateway.stores), 0, 'nothing is left to do')
  const events = await gateway.sql(`select changes from audit_events where action = 'sessions.swept'`)
  t.same(events, [{ changes: { deleted: 1 } }], 'one event for what was deleted, none for nothing')
})
