import type { AuthorKind } from '../../contract/kinds.js'
import type { MessageRow } from './messages/table.js'
import type { ConversationRole, ConversationRow } from './table.js'

/** A message as every reader sees it, over REST and live. */
export interface MessageShown {
  readonly id: string
  readonly conversation_id: string
  readonly seq: number
  readonly author: { readonly kind: AuthorKind; readonly id: string }
  /** As it was sent, text/plain; null when it is deleted. */
  readonly content: string | null
  readonly reply_to: string | null
  readonly created_at: string
  readonly edited_at: string | null
  readonly deleted_at: string | null
}

/** A conversation as one reader sees it. */
export interface ConversationShown extends Omit<ConversationRow, 'tenant_id'> {
  readonly last_message: MessageShown | null
  /** Null when the reader is no member. */
  readonly my_role: ConversationRole | null
  /** Null for a key, which reads for nobody in particular. */
  readonly unread_count: number | null
}

export function messageShown(row: MessageRow): MessageShown {
  const { id, conversation_id, seq, content, reply_to, created_at, edited_at, deleted_at } = row
  const author = { kind: row.author_kind, id: row.author_id }
  return { id, conversation_id, seq, author, content, reply_to, created_at, edited_at, deleted_at }
}
