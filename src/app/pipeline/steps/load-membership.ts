import type { TenantFact } from '../../../kernel/authz/facts.js'
import { holdingsInTenant } from '../../../kernel/authz/standing.js'
import { isSuspended } from '../../../kernel/authz/suspension.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { found } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'

/** The user's place in the tenant. None, pending, disabled, and a tenant that does not exist are one answer. */
export const loadMembership: Step = (gate, request) => {
  const { findings } = request
  const principal = found(findings.principal)
  if (principal.kind !== 'user') return
  const facts = found(findings.facts)
  const holdings = holdingsInTenant(facts, principal.id)
  const tenant = facts.tenant as TenantFact
  if (isSuspended(tenant, gate.clock())) throw new Problem('tenant_suspended')
  findings.tenant = tenant
  findings.holdings = holdings
}
