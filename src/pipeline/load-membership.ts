import { Problem } from '../http/problems.js'
import { isSuspended } from '../storage/facts.js'
import { found } from './findings.js'
import type { Step } from './gate.js'

/** The user's place in the tenant. None, pending, disabled, and a tenant that does not exist are one answer. */
export const loadMembership: Step = (gate, request) => {
  const { findings } = request
  const principal = found(findings.principal)
  if (principal.kind !== 'user') return
  const { membership, tenant } = found(findings.facts)
  if (tenant === null || membership === null || membership.state !== 'active') throw new Problem('tenant_access_denied')
  if (isSuspended(tenant, gate.clock())) throw new Problem('tenant_suspended')
  findings.tenant = tenant
  findings.holdings = { kind: 'user', id: principal.id, roles: membership.roles, overrides: membership.overrides }
}
