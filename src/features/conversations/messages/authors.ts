import type { TenantPrincipal } from '../../../kernel/authz/principal.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { invalidField } from '../../../kernel/problems/validation.js'
import { unreachable } from '../../../kernel/unreachable.js'
import type { MessageRow } from './table.js'

type Author = Pick<MessageRow, 'author_kind' | 'author_id' | 'key_id'>

/**
 * Returns the author of a message: the user, the key, or the customer of the conversation. Only a key may send a message of
 * the customer, so that a user cannot forge one.
 *
 * @throws Problem `key_required`, `validation_failed`
 */
export function authorOf(
  customer_id: string | undefined,
  principal: TenantPrincipal,
  of_conversation: string | null,
): Author {
  switch (principal.kind) {
    case 'user':
      if (customer_id === undefined) return { author_kind: 'user', author_id: principal.id, key_id: null }
      throw new Problem('key_required', { detail: 'Only a key without a user can send a message of a customer.' })
    case 'key':
      if (customer_id === undefined) return { author_kind: 'key', author_id: principal.id, key_id: principal.id }
      if (customer_id !== of_conversation)
        throw invalidField('/customer_id', 'must be the customer of this conversation')
      return { author_kind: 'customer', author_id: customer_id, key_id: principal.id }
    default:
      return unreachable(principal)
  }
}

/** Checks whether the caller sent the message. A key may edit the messages that it sent for customers. */
export function isAuthor({ author_kind, author_id, key_id }: MessageRow, { kind, id }: TenantPrincipal): boolean {
  switch (kind) {
    case 'user':
      return author_kind === kind && author_id === id
    case 'key':
      return key_id === id
    default:
      return unreachable(kind)
  }
}
