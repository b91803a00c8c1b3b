import type { FastifyRequest } from 'fastify'
import { type TenantPrincipal, tenantPrincipal, userIdOf } from '../../kernel/authz/principal.js'
import { NIL_UUID } from '../../kernel/ids/uuid.js'
import { holds } from '../../kernel/permissions/evaluate.js'
import { Problem } from '../../kernel/problems/problems.js'

/** The caller of a route of conversations. */
export interface Caller {
  readonly principal: TenantPrincipal
  /** Whether the caller holds `conversations:moderate`, whatever their role in the conversation. */
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

/** Returns the user who reads; null for a key alone, which is a member of no conversation. */
export function readerOf(principal: TenantPrincipal): string {
  return userIdOf(principal) ?? NIL_UUID
}

/** Returns the user who acts. @throws Problem `user_required` for a key alone */
export function userOf(principal: TenantPrincipal): string {
  const user_id = userIdOf(principal)
  if (user_id === null) throw new Problem('user_required')
  return user_id
}
