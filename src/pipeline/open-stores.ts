import type { FastifyRequest } from 'fastify'
import type { Origin } from '../audit/record.js'
import { PlatformStore } from '../storage/platform-store.js'
import { TenantStore } from '../storage/tenant-store.js'
import { found } from './findings.js'
import type { Step } from './gate.js'

/** Gives the request the store of its tenant, bound for good: nothing in a handler can name another one. */
export const openTenantStore: Step = ({ database, clock }, request) => {
  const tenant = found(request.findings.tenant)
  request.findings.tenant_store = new TenantStore(database, tenant.id, clock, () => originOf(request))
}

/** Gives the request the store of the platform. */
export const openPlatformStore: Step = ({ database, clock }, request) => {
  request.findings.platform_store = new PlatformStore(database, clock, () => originOf(request))
}

/** Who acts, and from where, for the audit. */
function originOf(request: FastifyRequest): Origin {
  const { principal } = request.findings
  return {
    actor: principal === undefined ? { kind: 'anonymous', id: null } : { kind: principal.kind, id: principal.id },
    address: request.ip,
    user_agent: request.headers['user-agent'] ?? null,
    request_id: request.id,
  }
}
