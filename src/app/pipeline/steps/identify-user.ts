import type { FastifyRequest } from 'fastify'
import { LOWER_CASE_UUID } from '../../../kernel/ids/uuid.js'
import type { Step } from '../../../kernel/request/gate.js'
import { demandOf } from '../../../kernel/request/route-of.js'
import { expiryOf, readBearer } from './bearer.js'
import { describeCaller } from './describe-caller.js'
import { learnFacts } from './learn-facts.js'

/** Reads the access token of a request without a tenant key, and the facts of its user. */
export const identifyUser: Step<never> = (gate, request) => {
  const { findings } = request
  const bearer = readBearer(gate, request)
  findings.caller = describeCaller(gate, request, null, expiryOf(bearer))
  if (typeof bearer !== 'object') return undefined
  const { session_id, user_id } = bearer
  return learnFacts(gate, request, { tenant_id: tenantOfPath(request), key_id: null, session_id, user_id })
}

/** The tenant in the path of a member route. Null for text that is not an id. */
function tenantOfPath(request: FastifyRequest): string | null {
  if (demandOf(request).kind !== 'member') return null
  const { tenant_id } = request.params as { tenant_id: string }
  return LOWER_CASE_UUID.test(tenant_id) ? tenant_id : null
}
