import { inTime } from '../../kernel/jobs/in-time.js'
import { sharedResult } from '../../kernel/jobs/shared-result.js'
import type { SharingState } from '../../kernel/limits/sharing-state.js'
import { Problem, unavailable } from '../../kernel/problems/problems.js'
import type { Replica } from '../../kernel/replicas/replica.js'
import { open } from '../../kernel/request/access.js'
import type { Routes } from '../../kernel/rest/schemas.js'
import { Liveness, Readiness } from './schema.js'

const READINESS_TIMEOUT_MS = 2_000
/** Probes within this time share one query, because any client can send them, and no budget counts them. */
const READINESS_REUSE_MS = 500

export interface HealthOptions {
  /** Returns how many migrations are missing. Rejects when the database does not respond. */
  readonly pendingMigrations: () => Promise<number>
  readonly isDraining: () => boolean
  readonly replica: Replica
  readonly sharing: { readonly state: () => SharingState }
}

/** Liveness: the process responds. Readiness: a load balancer should send requests. */
const health: Routes<HealthOptions> = async (app, { pendingMigrations, isDraining, replica, sharing }) => {
  const check = sharedResult(() => inTime(pendingMigrations(), READINESS_TIMEOUT_MS), READINESS_REUSE_MS)
  let was_ready = true

  app.get(
    '/livez',
    {
      config: { ...open(), is_uncounted: true },
      schema: {
        operationId: 'getLiveness',
        summary: 'Check liveness',
        tags: ['service'],
        response: { 200: Liveness },
      },
    },
    async () => ({ status: 'ok' }),
  )

  app.get(
    '/readyz',
    {
      config: { ...open(), is_uncounted: true },
      schema: {
        operationId: 'getReadiness',
        summary: 'Check readiness',
        tags: ['service'],
        response: { 200: Readiness },
      },
    },
    async () => {
      const pending = await check()
      const checks = {
        database: pending === undefined ? ('failing' as const) : ('ok' as const),
        migrations: pending === undefined ? ('unknown' as const) : pending > 0 ? ('pending' as const) : ('ok' as const),
        draining: isDraining(),
        lease: replica.hasLease() ? ('valid' as const) : ('none' as const),
        replicas: replica.count(),
        ...sharing.state(),
      }
      const is_ready = pending === 0 && !checks.draining
      if (is_ready !== was_ready)
        app.log[is_ready ? 'info' : 'warn']({ checks }, is_ready ? 'ready again' : 'not ready')
      was_ready = is_ready
      if (is_ready) return { status: 'ready' as const, checks }
      throw new Problem('service_unavailable', {
        detail: `The gateway is not ready: ${reasonOf(pending)}. See checks.`,
        members: { checks },
        headers: unavailable('', 1).headers,
      })
    },
  )
}
export default health

/** Why the gateway is not ready. @param pending the number of missing migrations; undefined if the database does not answer */
function reasonOf(pending: number | undefined): string {
  if (pending === undefined) return 'the database does not answer'
  return pending > 0 ? `${pending} migrations are missing` : 'it is shutting down'
}
