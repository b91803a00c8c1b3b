import { and, eq } from 'drizzle-orm'
import type { MessageChange } from '../../../contract/stream-frames.js'
import type { LogEntry, LogPosition } from '../../../kernel/live/conversation-log.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { type OrderedPage, pageOf, type Rows } from '../../../kernel/rest/pagination.js'
import type { ReadScope } from '../../../kernel/store/unit-of-work.js'
import { MESSAGE_COLUMNS } from './names.js'
import { type MessageResponse, toResponse } from './schema.js'
import { ASCENDING, CHANGED, DESCENDING, LOG, UP_TO_SEQ } from './statements.js'
import { type MessageRow, messages } from './table.js'

/** Reads messages of a conversation. The caller must check first that the conversation is visible. */
export class MessagesReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists the log after a change number: what a listener missed. */
  async changes(conversation_id: string, after: number, limit: number): Promise<LogEntry[]> {
    const rows = await this.scope.queries.run(LOG({ tenant_id: this.tenant_id, conversation_id, after, limit }))
    return rows.map((row) => ({
      change: row.log_change,
      kind: kindOf(row, row.log_change),
      created_change: row.created_change,
      message: toResponse(row),
    }))
  }

  /** Returns the change number of the newest message up to a seq; 0 if there is no such message. */
  async changeOfSeq(conversation_id: string, seq: number): Promise<number> {
    const [row] = await this.scope.queries.run(UP_TO_SEQ({ tenant_id: this.tenant_id, conversation_id, seq }))
    return row?.created_change ?? 0
  }

  /**
   * Lists a page of messages: after a seq, oldest first; after a change, each once in the order of its latest change; or
   * without a position, newest first.
   */
  async list(
    conversation_id: string,
    position: LogPosition | undefined,
    page: OrderedPage,
  ): Promise<Rows<MessageResponse>> {
    const values = { tenant_id: this.tenant_id, conversation_id, limit: page.limit + 1 }
    const reached = page.after?.order
    const { queries } = this.scope
    const rows =
      position === undefined
        ? await queries.run(DESCENDING({ ...values, before: reached, after: undefined }))
        : 'seq' in position
          ? await queries.run(ASCENDING({ ...values, after: Math.max(position.seq, reached ?? 0), before: undefined }))
          : await queries.run(CHANGED({ ...values, after: Math.max(position.change, reached ?? 0) }))
    return pageOf(rows.map(toResponse), page.limit)
  }

  /** Whether messages or changes after a position exist. */
  async exists(conversation_id: string, position: LogPosition): Promise<boolean> {
    const { rows } = await this.list(conversation_id, position, { limit: 1, after: undefined })
    return rows.length > 0
  }

  /** @throws Problem `not_found` */
  async get(conversation_id: string, id: string): Promise<MessageResponse> {
    const [row] = await this.scope.queries
      .select(MESSAGE_COLUMNS)
      .from(messages)
      .where(this.isThis(conversation_id, id))
    if (row === undefined) throw new Problem('not_found')
    return toResponse(row)
  }

  protected isThis(conversation_id: string, id: string) {
    return and(
      eq(messages.tenant_id, this.tenant_id),
      eq(messages.conversation_id, conversation_id),
      eq(messages.id, id),
    )
  }
}

/** The kind of the change with this number. An edit before a deletion is in the log no longer. */
function kindOf({ created_change, deleted_at }: MessageRow, change: number): MessageChange {
  if (change === created_change) return 'chat_message'
  return deleted_at === null ? 'chat_message_updated' : 'chat_message_deleted'
}
