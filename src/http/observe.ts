import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RefusalRecorder } from '../audit/refusals.js'
import type { Metrics } from '../metrics/metrics.js'
import { originOf } from '../pipeline/open-stores.js'
import type { UsageRecorder } from '../usage/recorder.js'

export interface Observers {
  readonly metrics: Metrics
  readonly usage: UsageRecorder
  readonly refusals: RefusalRecorder
}

/** Refusals that an audit must know of: of credentials, of rights, and of budgets. */
const AUDITED_STATUS: ReadonlySet<number> = new Set([401, 403, 429])
/** What has no route has no template; its path is the caller's, and would be a label of its own for each. */
const NO_ROUTE = '(none)'

/** After each answer: one line in the log, the metrics, the usage of the tenant, and the refusals of the audit. */
export function observeAnswers(app: FastifyInstance, { metrics, usage, refusals }: Observers): void {
  app.addHook('onResponse', (request, reply, done) => {
    const findings = request.findings ?? {}
    const route = request.is404 ? NO_ROUTE : (request.routeOptions.url ?? NO_ROUTE)
    const code = findings.problem_code
    const answer = { method: request.method, route, status: reply.statusCode, code, duration_ms: reply.elapsedTime }
    log(request, reply)
    metrics.answered({ ...answer, violated: findings.violated ?? [] })
    if (findings.tenant !== undefined) {
      usage.record({
        tenant_id: findings.tenant.id,
        key_id: findings.key?.id ?? '',
        route: `${request.method} ${route}`,
        status: reply.statusCode,
        code: code ?? '',
        duration_ms: reply.elapsedTime,
      })
    }
    if (code !== undefined && AUDITED_STATUS.has(reply.statusCode)) {
      refusals.record({
        tenant_id: findings.tenant?.id ?? null,
        code,
        origin: originOf(request),
        route: `${request.method} ${route}`,
      })
    }
    done()
  })
}

function log(request: FastifyRequest, reply: FastifyReply): void {
  const { tenant, principal, problem_code } = request.findings ?? {}
  request.log.info(
    {
      req: request,
      status: reply.statusCode,
      code: problem_code,
      duration_ms: Math.round(reply.elapsedTime * 100) / 100,
      tenant_id: tenant?.id,
      principal_kind: principal?.kind,
      principal_id: principal?.id,
    },
    'request',
  )
}
