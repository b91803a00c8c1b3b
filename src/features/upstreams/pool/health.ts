import pLimit from 'p-limit'
import type { Pool } from 'undici'
import type { HealthCheck } from '../manifest/manifest.js'
import { type Origin, openPool } from './origin.js'
import type { RunningUpstream } from './running-upstream.js'

/** Checks of all origins at once: a hundred upstreams may not be asked in one moment. */
const CHECKS_AT_ONCE_MAX = 10

export type HealthSaid = (upstream: string, origin: string, is_healthy: boolean) => void

/**
 * Asks each origin of the upstreams that want it, again and again, over a connection of its own: one that is busy is
 * not ill. An origin counts as well until it has failed `failures` times in a row, and again from its first success on.
 *
 * @returns stops it.
 */
export function watchHealth(upstreams: readonly RunningUpstream[], said: HealthSaid): () => void {
  const limit = pLimit(CHECKS_AT_ONCE_MAX)
  const stops = upstreams.flatMap((upstream) => {
    const { health, name } = upstream.declared
    if (health === undefined) return []
    return upstream.origins.map((origin) => {
      const pool = openPool(origin.url, upstream.declared, 1)
      let failures = 0
      let is_asked = false
      const check = async () => {
        if (is_asked) return
        is_asked = true
        const is_well = await limit(() => isWell(pool, health))
        is_asked = false
        failures = is_well ? 0 : failures + 1
        note(origin, is_well || failures < health.failures)
      }
      const note = (checked: Origin, is_healthy: boolean) => {
        if (checked.is_healthy === is_healthy) return
        checked.is_healthy = is_healthy
        said(name, checked.url, is_healthy)
      }
      void check()
      const timer = setInterval(() => void check(), health.interval_ms).unref()
      return () => {
        clearInterval(timer)
        void pool.destroy()
      }
    })
  })
  return () => {
    for (const stop of stops.splice(0)) stop()
  }
}

/** Whether it answers 2xx or 3xx in time. */
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
