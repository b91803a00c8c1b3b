import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RefusalRecorder } from '../../features/audit/refusals.js'
import type { UsageRecorder } from '../../features/usage/recorder.js'
import type { Metrics } from '../../kernel/metrics/metrics.js'
import type { Observe } from '../../kernel/request/observe.js'
import { originOf } from '../../kernel/request/origin.js'
import { templateOf } from '../../kernel/request/route-of.js'

export interface Observers {
  readonly metrics: Metrics
  readonly usage: UsageRecorder
  readonly refusals: RefusalRecorder
}

/** Refusals that an audit must know of: of credentials, of rights, and of budgets. */
const AUDITED_STATUS: ReadonlySet<number> = new Set([401, 403, 429])
/** What has no route has no template; its path is the caller's, and would be a label of its own for each. */
const NO_ROUTE = '(none)'

/**
 * After each answer: one line in the log, the metrics, the usage of the tenant, and the refusals of the audit.
 *
 * @returns the same for a request that is answered past Fastify: by a socket, or by a stream when it begins.
 */
export function observeAnswers(app: FastifyInstance, { metrics, usage, refusals }: Observers): Observe {
  const observe: Observe = (request, status, duration_ms = 0) => {
    const findings = request.findings ?? {}
    if (findings.is_observed === true) return
    findings.is_observed = true
    const route = templateOf(request) ?? NO_ROUTE
    const code = findings.problem_code
    log(request, status, duration_ms)
    metrics.answered({ method: request.method, route, status, code, duration_ms, violated: findings.violated ?? [] })
    if (findings.tenant !== undefined) {
      usage.record({
        tenant_id: findings.tenant.id,
        key_id: findings.key?.id ?? '',
        route: `${request.method} ${route}`,
        status,
        code: code ?? '',
        duration_ms,
      })
    }
    if (code !== undefined && AUDITED_STATUS.has(status)) {
      refusals.record({
        tenant_id: findings.tenant?.id ?? null,
        code,
        origin: originOf(request),
        route: `${request.method} ${route}`,
      })
    }
  }
  app.addHook('onResponse', (request, reply, done) => {
    observe(request, reply.statusCode, reply.elapsedTime)
    done()
  })
  return observe
}

function log(request: FastifyRequest, status: number, duration_ms: number): void {
  const { tenant, principal, problem_code, upstream } = request.findings ?? {}
  request.log.info(
    {
      req: request,
      status,
      code: problem_code,
      duration_ms: Math.round(duration_ms * 100) / 100,
      tenant_id: tenant?.id,
      principal_kind: principal?.kind,
      principal_id: principal?.id,
      // Whose answer it is: with a status here, the upstream's, passed on as it was.
      upstream,
    },
    'request',
  )
}
