import type { Database } from '../kernel/database/database.js'
import type { Origin } from '../kernel/store/audit-record.js'
import type { Clock } from '../kernel/time/clock.js'
import { PlatformStore } from './stores/platform-store.js'

const SWEEP_EVERY_MS = 3_600_000
const SYSTEM: Origin = { actor: { kind: 'system', id: 'sweep' }, address: null, user_agent: null, request_id: null }

/**
 * Deletes sessions that were over long ago, with their refresh tokens, and links and idempotency records that are too
 * old to be used: without it these tables would grow for ever.
 * Several replicas may sweep at once; the second finds nothing left.
 *
 * @returns how many sessions were deleted.
 */
export async function sweepSessions(database: Database, clock: Clock): Promise<number> {
  const platform = new PlatformStore(database, clock, () => SYSTEM)
  await platform.count((store) => store.expired.delete())
  return platform.write('sessions.swept', (store) => store.sessions.deleteOld())
}

/** Sweeps every hour until it is stopped. A failure is told and the next hour tries again. */
export function startSweeping(database: Database, clock: Clock, on_error: (error: unknown) => void): () => void {
  const timer = setInterval(() => sweepSessions(database, clock).catch(on_error), SWEEP_EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}
