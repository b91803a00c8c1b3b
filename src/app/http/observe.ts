import type { FastifyRequest } from 'fastify'
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

/** The statuses of refusals that the audit records: of credentials, of scopes, and of budgets. */
const AUDITED_STATUS: ReadonlySet<number> = new Set([401, 403, 429])
/** The codes of services behind the gateway begin with it. A limit of a service is not a refusal of the gateway. */
const OF_A_SERVICE = 'upstream_'
/** The label of requests without a route. Their paths are arbitrary and would each be a label of their own. */
const NO_ROUTE = '(none)'

/**
 * Makes the function that records a response: one line in the log, the metrics, the usage of the tenant, and refusals for
 * the audit. A hook calls it for each response of Fastify. Sockets and streams call it themselves.
 */
export function observing({ metrics, usage, refusals }: Observers): Observe {
  return (request, status, duration_ms = 0) => {
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
    if (code !== undefined && AUDITED_STATUS.has(status) && !code.startsWith(OF_A_SERVICE)) {
      refusals.record({
        tenant_id: findings.tenant?.id ?? null,
        code,
        origin: originOf(request),
        route: `${request.method} ${route}`,
        told: findings.told,
        key_id: findings.key?.id,
        // Before the principal is established, the access token of the request names the user.
        user_id: findings.principal === undefined ? (findings.claims?.user_id ?? undefined) : undefined,
      })
    }
  }
}

function log(request: FastifyRequest, status: number, duration_ms: number): void {
  const { tenant, principal, problem_code, upstream } = request.findings ?? {}
  // Probes come every second from each load balancer. The log has a line when readiness changes.
  const level = request.routeOptions.config?.is_uncounted === true ? 'debug' : 'info'
  request.log[level](
    {
      req: request,
      status,
      code: problem_code,
      duration_ms: Math.round(duration_ms * 100) / 100,
      tenant_id: tenant?.id,
      principal_kind: principal?.kind,
      principal_id: principal?.id,
      // With a status in this field, the response is that of the upstream.
      upstream,
    },
    'request',
  )
}

/**
 * Returns a function that warns once when a request has come through a proxy that `TRUST_PROXY` does not name: all clients
 * of the proxy then share the budget of one address. A client can send the header itself, so there is one warning at most.
 */
export function lookingForProxy(): (request: FastifyRequest) => void {
  let has_warned = false
  return (request) => {
    if (has_warned || request.headers['x-forwarded-for'] === undefined) return
    has_warned = true
    request.log.warn(
      { peer: request.ip },
      'a request has X-Forwarded-For, and TRUST_PROXY is not set; if a proxy sent it, all its clients count as one address',
    )
  }
}
