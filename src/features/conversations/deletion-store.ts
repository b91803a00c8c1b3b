import { and, eq, sql } from 'drizzle-orm'
import { Problem } from '../../kernel/problems/problems.js'
import { assertIfMatch } from '../../kernel/rest/etag.js'
import { forgetAnswers } from '../../kernel/store/idempotency-records.js'
import type { WriteScope } from '../../kernel/store/unit-of-work.js'
import type { Caller } from './caller.js'
import { message_reports } from './reports/table.js'
import { ConversationsWriter } from './store.js'
import { conversations } from './table.js'

/**
 * Messages that one statement deletes. The foreign keys look for the replies and the reports of each of them, so a statement
 * for very many would exceed the time of a statement.
 */
const DELETED_AT_ONCE_MAX = 5_000

/**
 * Deletes a conversation for good, with its messages, members, read markers, tickets, reports and the stored responses that
 * contain text of them. After the commit, its open
 * connections end with `not_found`. The caller records the change.
 *
 * It locks the conversation until the commit, so that no message is written meanwhile. It asks nobody for a right.
 *
 * @returns whether there was such a conversation
 */
export async function deleteConversation(
  scope: WriteScope,
  tenant_id: string,
  conversation_id: string,
): Promise<boolean> {
  const { queries, publish } = scope
  const isThis = and(eq(conversations.tenant_id, tenant_id), eq(conversations.id, conversation_id))
  const [conversation] = await queries.select({ id: conversations.id }).from(conversations).where(isThis).for('update')
  if (conversation === undefined) return false
  const reports = await queries
    .select({ id: message_reports.id })
    .from(message_reports)
    .where(and(eq(message_reports.tenant_id, tenant_id), eq(message_reports.conversation_id, conversation_id)))
  await forgetAnswers(scope, tenant_id, [conversation_id, ...reports.map(({ id }) => id)])
  let is_deleted = false
  while (!is_deleted) {
    const rows = await queries.execute<{ is_deleted: boolean }>(
      sql`select delete_conversation(${conversation_id}::uuid, ${DELETED_AT_ONCE_MAX}) as is_deleted`,
    )
    is_deleted = (rows as unknown as { is_deleted: boolean }[])[0]?.is_deleted !== false
  }
  publish({ kind: 'rights_changed', tenant_id, user_id: null, conversation_id: conversation.id })
  return true
}

/** Deletes conversations at the request of a caller who sees them. */
export class ConversationDeletionsWriter {
  readonly #conversations: ConversationsWriter

  constructor(
    private readonly scope: WriteScope,
    private readonly tenant_id: string,
  ) {
    this.#conversations = new ConversationsWriter(scope, tenant_id)
  }

  /**
   * The audit keeps the fact and the ids, and nothing that members wrote.
   * @throws Problem `not_found`, `precondition_failed`
   */
  async delete(conversation_id: string, if_match: readonly number[] | undefined, caller: Caller): Promise<void> {
    const before = await this.#conversations.hold(conversation_id, caller)
    assertIfMatch(if_match, before.version)
    if (!(await deleteConversation(this.scope, this.tenant_id, before.id))) throw new Problem('not_found')
    const { id, customer_id, assignee_id, channel, status, visibility, last_seq } = before
    this.scope.recordChange({
      kind: 'conversation',
      conversation_id: id,
      tenant_id: this.tenant_id,
      changes: { before: { customer_id, assignee_id, channel, status, visibility, last_seq } },
    })
  }
}
