import type { FastifyRequest } from 'fastify'
import { explainInWords, insufficientScope } from '../../../kernel/authz/insufficient-scope.js'
import { type Decision, evaluate } from '../../../kernel/permissions/evaluate.js'
import { rolesThatGrant } from '../../../kernel/permissions/roles.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { found } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'
import { demandOf } from '../../../kernel/request/route-of.js'
import { unreachable } from '../../../kernel/unreachable.js'

/** Refuses what the principal lacks, and says what, why, and which role would change it. */
export const enforceScopes: Step = async (_gate, request) => {
  const { findings } = request
  const decision = evaluate(demandOf(request).scopes, found(findings.holdings))
  findings.decision = decision
  if (decision.allowed) return
  throw await refusalOf(decision, request)
}

async function refusalOf(decision: Decision, { findings }: FastifyRequest): Promise<Problem> {
  const { required, missing, principal } = decision
  switch (principal.kind) {
    case 'user':
    case 'key': {
      const roles = await found(findings.tenant_store).read((store) => store.roles.list())
      return insufficientScope(decision, rolesThatGrant(roles, missing))
    }
    case 'operator': {
      const detail = explainInWords(decision, [])
      return new Problem('platform_access_denied', { detail, members: { required, missing } })
    }
    default:
      return unreachable(principal.kind)
  }
}
