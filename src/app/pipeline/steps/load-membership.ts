import type { FastifyRequest } from 'fastify'
import type { TenantFact } from '../../../kernel/authz/facts.js'
import { holdingsInTenant } from '../../../kernel/authz/standing.js'
import { isSuspended } from '../../../kernel/authz/suspension.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { found } from '../../../kernel/request/findings.js'
import type { Gate, Step } from '../../../kernel/request/gate.js'
import { unreachable } from '../../../kernel/unreachable.js'

/** The user's place in the tenant. None, pending, disabled, and a tenant that does not exist are one answer. */
export const loadMembership: Step = (gate, request) => {
  const principal = found(request.findings.principal)
  switch (principal.kind) {
    case 'user':
      return loadMember(gate, request, principal.id)
    case 'key':
    case 'operator':
      return
    default:
      return unreachable(principal)
  }
}

function loadMember(gate: Gate, { findings }: FastifyRequest, user_id: string): void {
  const facts = found(findings.facts)
  const holdings = holdingsInTenant(facts, user_id)
  const tenant = facts.tenant as TenantFact
  if (isSuspended(tenant, gate.clock())) throw new Problem('tenant_suspended')
  findings.tenant = tenant
  findings.holdings = holdings
}
