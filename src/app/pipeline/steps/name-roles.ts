import type { FastifyRequest } from 'fastify'
import { insufficientScope } from '../../../kernel/authz/insufficient-scope.js'
import { evaluate } from '../../../kernel/permissions/evaluate.js'
import { rolesThatGrant } from '../../../kernel/permissions/roles.js'
import type { Problem } from '../../../kernel/problems/problems.js'
import { required } from '../../../kernel/request/findings.js'
import type { Gate } from '../../../kernel/request/gate.js'

/** Adds the roles of the tenant that grant the missing scopes. */
export async function nameRoles(gate: Gate, request: FastifyRequest): Promise<Problem<'insufficient_scope'>> {
  const { caller, holdings, tenant_store } = request.findings
  const { demand, scope_catalogue } = required(caller)
  const decision = evaluate(demand.scopes, required(holdings), scope_catalogue)
  const roles = await gate.roles.of(request.tenant.id, () => required(tenant_store).read((store) => store.roles.all()))
  return insufficientScope(decision, rolesThatGrant(roles, decision.missing, scope_catalogue))
}
