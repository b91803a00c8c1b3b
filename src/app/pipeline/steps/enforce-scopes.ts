import { insufficientScope } from '../../../kernel/authz/insufficient-scope.js'
import { type Decision, evaluate } from '../../../kernel/permissions/evaluate.js'
import { rolesThatGrant } from '../../../kernel/permissions/roles.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { found } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'
import { demandOf } from '../../../kernel/request/route-of.js'

/** Refuses what the principal lacks, and says what, why, and which role would change it. */
export const enforceScopes: Step = async (_gate, request) => {
  const { findings } = request
  const decision = evaluate(demandOf(request).scopes, found(findings.holdings))
  findings.decision = decision
  if (decision.allowed) return
  if (decision.principal.kind === 'operator') throw platformAccessDenied(decision)
  const roles = await found(findings.tenant_store).read((store) => store.roles.list())
  throw insufficientScope(decision, rolesThatGrant(roles, decision.missing))
}

function platformAccessDenied({ required, missing }: Decision): Problem {
  return new Problem('platform_access_denied', {
    detail: `This operator lacks ${missing.join(', ')}. Whoever holds platform:operators:manage can grant it.`,
    members: { required, missing },
  })
}
