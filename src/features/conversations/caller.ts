import type { FastifyRequest } from 'fastify'
import { type TenantPrincipal, tenantPrincipal, userIdOf } from '../../kernel/authz/principal.js'
import { NIL_UUID } from '../../kernel/ids/uuid.js'
import { holds } from '../../kernel/permissions/evaluate.js'
import { Problem } from '../../kernel/problems/problems.js'

/** Who acts in a conversation. */
export interface Caller {
  readonly principal: TenantPrincipal
  /** Whether they hold `conversations:moderate`, whatever they are in the conversation. */
  readonly moderates: boolean
}

/** The principal of a request to the conversations of a tenant. */
export function principalOf({ principal }: FastifyRequest): TenantPrincipal {
  return tenantPrincipal(principal)
}

export function callerOf(request: FastifyRequest): Caller {
  const { holdings } = request
  return { principal: principalOf(request), moderates: holds(holdings, 'conversations:moderate') }
}

/** The user as whom somebody reads; a key alone is nobody in particular, so it is a member of nothing. */
export function readerOf(principal: TenantPrincipal): string {
  return userIdOf(principal) ?? NIL_UUID
}

/** The user who acts. @throws Problem `user_required` for a key alone */
export function userOf(principal: TenantPrincipal): string {
  const user_id = userIdOf(principal)
  if (user_id === null) throw new Problem('user_required')
  return user_id
}
