import { sweepSessions } from '../../src/app/sweep.js'
import { startGateway } from '../helpers/gateway.js'
import { t } from '../helpers/t.js'
import { buildWorld, login } from '../helpers/world.js'

const DAY_MS = 86_400_000

const gateway = await startGateway()
t.teardown(() => gateway.close())
await buildWorld(gateway)

t.test('the sweep deletes the sessions that ended over 30 days ago with their tokens, and no others', async (t) => {
  await login(gateway, 'agent')
  gateway.clock.advance(36 * DAY_MS)
  t.equal(await sweepSessions(gateway.stores), 0, 'a session that ended 29 days ago')
  await login(gateway, 'owner')
  gateway.clock.advance(2 * DAY_MS)
  t.equal(await sweepSessions(gateway.stores), 1)
  const [left] = await gateway.sql('select count(*)::int as tokens from refresh_tokens')
  t.equal(left?.tokens, 1)
  t.equal(await sweepSessions(gateway.stores), 0, 'a second sweep')
  const events = await gateway.sql(`select changes from audit_events where action = 'sessions.swept'`)
  t.same(events, [{ changes: { deleted: 1 } }], 'one event for the sweep that deleted a session')
})
