import { spend } from '../../../kernel/limits/limiter.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { found } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'

/** The operator that the user is. The right is read at each request; nothing in the token says it. */
export const loadOperator: Step = (_gate, request) => {
  const { findings } = request
  const { id, user_id, privileges } = found(findings.session)
  if (privileges === null) throw new Problem('platform_access_denied')
  findings.principal = { kind: 'operator', id: user_id, session_id: id }
  findings.holdings = { kind: 'operator', id: user_id, privileges }
}

/** The budget of an operator. */
export const limitOperator: Step = ({ limiter }, request, reply) =>
  spend(limiter, reply, 'operator', found(request.findings.principal).id)
