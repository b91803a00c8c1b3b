import type { FastifyInstance } from 'fastify'
import { openRefusalRecorder, type RefusalRecorder } from '../features/audit/refusals.js'
import { openUsageRecorder, type UsageRecorder } from '../features/usage/recorder.js'
import { type KeyUseRecorder, openKeyUseRecorder } from '../kernel/credentials/key-use.js'
import type { Database } from '../kernel/database/database.js'
import { scheduleUntilClose } from '../kernel/jobs/schedule.js'
import { type Metrics, openMetrics } from '../kernel/metrics/metrics.js'
import { systemOrigin } from '../kernel/store/audit-record.js'
import type { Clock } from '../kernel/time/clock.js'
import type { Stores } from './composition/stores.js'

/** The age of usage and refusals in the database. A process that is killed loses as much of them. */
const FLUSH_MS = 10_000
/** Each key is written at most once a minute. */
const KEY_USE_FLUSH_MS = 60_000
const COUNTING = systemOrigin('counting')

/** The counters of the gateway. */
export interface Counting {
  readonly usage: UsageRecorder
  readonly refusals: RefusalRecorder
  readonly key_use: KeyUseRecorder
  readonly metrics: Metrics
}

/** Opens the counters. Jobs write them to the database at intervals and when the gateway closes. */
export function startCounting(
  app: FastifyInstance,
  database: Database,
  stores: Stores,
  clock: Clock,
  openUsage: typeof openUsageRecorder = openUsageRecorder,
): Counting {
  const counters = stores.platform(() => COUNTING)
  const usage = openUsage(clock, (counts) => counters.writeUnaudited((store) => store.usage.add(counts)))
  const key_use = openKeyUseRecorder(clock, (uses) => counters.writeUnaudited((store) => store.key_use.add(uses)))
  const refusals = openRefusalRecorder(clock, (refusal) =>
    stores.platform(() => refusal.origin).write(refusal.action, (store) => store.refusals.add(refusal)),
  )
  const jobs = [
    { name: 'write usage', every_ms: FLUSH_MS, run: usage.flush },
    { name: 'write refusals', every_ms: FLUSH_MS, run: refusals.flush },
    { name: 'write key use', every_ms: KEY_USE_FLUSH_MS, run: key_use.flush },
  ]
  for (const job of jobs) scheduleUntilClose(app, job, { runs_at_close: true })
  return { usage, refusals, key_use, metrics: openMetrics(database, usage.dropped) }
}
