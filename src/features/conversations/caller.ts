import type { FastifyRequest } from 'fastify'
import type { Principal } from '../../kernel/authz/principal.js'
import { holds } from '../../kernel/permissions/evaluate.js'
import { Problem } from '../../kernel/problems/problems.js'

/** Who acts in a conversation. */
export interface Caller {
  readonly principal: Principal
  /** Whether they hold `conversations:moderate`, whatever they are in the conversation. */
  readonly moderates: boolean
}

export function callerOf({ principal, holdings }: FastifyRequest): Caller {
  return { principal, moderates: holds(holdings, 'conversations:moderate') }
}

/** What a write answers: nothing that a read would refuse to somebody who may change a conversation and not view it. */
export function asAnswerOf<T extends { readonly last_message: unknown; readonly unread_count: unknown }>(
  { holdings }: FastifyRequest,
  conversation: T,
): T {
  if (holds(holdings, 'conversations:view')) return conversation
  return { ...conversation, last_message: null, unread_count: null }
}

/** Stands for no user where a query needs one. */
const NOBODY = '00000000-0000-0000-0000-000000000000'

/** The user as whom somebody reads; a key alone is nobody in particular, so it is a member of nothing. */
export function readerOf(principal: Principal): string {
  return principal.kind === 'user' ? principal.id : NOBODY
}

/** The user who acts. @throws Problem `user_required` for a key alone */
export function userOf(principal: Principal): string {
  if (principal.kind !== 'user') throw new Problem('user_required')
  return principal.id
}
