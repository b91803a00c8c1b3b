import pLimit from 'p-limit'
import type { Pool } from 'undici'
import { type JobLog, schedule } from '../../../kernel/jobs/schedule.js'
import type { HealthCheck } from '../manifest/manifest.js'
import { type Backend, openPool } from './backend.js'
import type { RunningUpstream } from './running-upstream.js'

/** Checks of all backends that run at the same time. */
const CHECKS_AT_ONCE_MAX = 10

export interface HealthReports {
  /** Called when an origin becomes healthy or unhealthy. */
  onHealthChange(upstream: string, origin: string, is_healthy: boolean): void
  readonly log: JobLog
}

/**
 * Checks each backend whose upstream declares a health check, at its interval. The check has a connection of its own, so
 * it does not fail because all connections are busy. A backend is unhealthy after `failures` failed checks in a row, and
 * healthy again after one success.
 *
 * @returns a function that stops the checks
 */
export function watchHealth(upstreams: readonly RunningUpstream[], reports: HealthReports): () => void {
  const limit = pLimit(CHECKS_AT_ONCE_MAX)
  const stops = upstreams.flatMap((upstream) => {
    const { health, name } = upstream.declared
    if (health === undefined) return []
    return upstream.backends.map((backend) => {
      const pool = openPool(backend.url, upstream.declared, 1)
      let failures = 0
      const check = async () => {
        const is_well = await limit(() => isWell(pool, health))
        failures = is_well ? 0 : failures + 1
        note(backend, is_well || failures < health.failures)
      }
      const note = (checked: Backend, is_healthy: boolean) => {
        if (checked.is_healthy === is_healthy) return
        checked.is_healthy = is_healthy
        reports.onHealthChange(name, checked.url, is_healthy)
      }
      const job = { name: `check health of ${name}`, every_ms: health.interval_ms, run: check }
      const checks = schedule(job, reports.log)
      void checks.run()
      return () => {
        void checks.stop()
        void pool.destroy()
      }
    })
  })
  return () => {
    for (const stop of stops.splice(0)) stop()
  }
}

/** Checks whether a backend answers 2xx or 3xx in time. */
async function isWell(pool: Pool, { path, timeout_ms }: HealthCheck): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(timeout_ms)
    const { statusCode, body } = await pool.request({ path, method: 'GET', signal })
    await body.dump()
    return statusCode >= 200 && statusCode < 400
  } catch {
    return false
  }
}
