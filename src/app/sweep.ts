import { systemOrigin } from '../kernel/store/audit-record.js'
import type { Stores } from './composition/stores.js'

export const SWEEP_EVERY_MS = 3_600_000
const SWEEP = systemOrigin('sweep')

/**
 * Deletes sessions that were over long ago, with their refresh tokens, and links and idempotency records that are too
 * old to be used: without it these tables would grow for ever.
 * Several replicas may sweep at once; the second finds nothing left.
 *
 * @returns how many sessions were deleted.
 */
export async function sweepSessions(stores: Stores): Promise<number> {
  const platform = stores.platform(() => SWEEP)
  await platform.writeUnaudited((store) => store.expired.delete())
  return platform.write('sessions.swept', (store) => store.sessions.deleteOld())
}
