import { systemOrigin } from '../kernel/store/audit-record.js'
import type { Stores } from './composition/stores.js'

export const SWEEP_EVERY_MS = 3_600_000
const SWEEP = systemOrigin('sweep')

/**
 * Deletes sessions that ended long ago, with their refresh tokens, and expired links and idempotency records. Without it
 * these tables would grow without bound. Several replicas can run it at the same time.
 *
 * @returns how many sessions were deleted.
 */
export async function sweepSessions(stores: Stores): Promise<number> {
  const platform = stores.platform(() => SWEEP)
  await platform.writeUnaudited((store) => store.expired.delete())
  return platform.write('sessions.swept', (store) => store.sessions.deleteOld())
}
