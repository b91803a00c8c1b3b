import type { FastifyRequest } from 'fastify'
import type { Caller } from '../../../kernel/authz/caller.js'
import { demandAt } from '../../../kernel/authz/demand.js'
import type { Gate } from '../../../kernel/request/gate.js'
import { pageOriginOf } from '../../../kernel/request/page-origin.js'
import { demandOf } from '../../../kernel/request/route-of.js'

/** Returns the caller of a request as the rules read them: what the request proves, and what its route requires. */
export function describeCaller(
  { scopesNow }: Gate,
  request: FastifyRequest,
  key_digest: Uint8Array | null,
  token_expires_at_ms: number | null,
): Caller {
  const { ip: address } = request
  const demand = demandAt(demandOf(request), request.params as Record<string, string>)
  return {
    demand,
    scope_catalogue: scopesNow(),
    address,
    origin: pageOriginOf(request),
    key_digest,
    token_expires_at_ms,
  }
}
