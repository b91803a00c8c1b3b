import { v7 as uuidv7 } from 'uuid'
import type { MessageChange } from '../../../contract/stream-frames.js'
import type { TenantPrincipal } from '../../../kernel/authz/principal.js'
import { mapConstraint } from '../../../kernel/database/errors.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { invalidField } from '../../../kernel/problems/validation.js'
import type { WriteScope } from '../../../kernel/store/unit-of-work.js'
import type { Caller } from '../caller.js'
import { holdVisible } from '../hold-visible.js'
import { ConversationsReader } from '../reader.js'
import { authorOf, isAuthor } from './authors.js'
import { MESSAGE_COLUMNS, type MessageRecord } from './names.js'
import { MessagesReader } from './reader.js'
import { type MessageResponse, toResponse } from './schema.js'
import { INSERT, TAKE_CHANGE, TAKE_SEQ } from './statements.js'
import { type MessageRow, messages } from './table.js'

export interface CreateMessageInput {
  readonly content: string
  readonly reply_to?: string | null
  /** The customer who is the author of a message that a key sends. */
  readonly customer_id?: string
}

/** The audit does not hold the content of messages, because a message can be deleted and an audit event cannot. */
export class MessagesWriter extends MessagesReader {
  readonly #conversations: ConversationsReader

  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
    this.#conversations = new ConversationsReader(scope, tenant_id)
  }

  /**
   * Sends a message. Its numbers come from the row of the conversation, which is locked until the commit: other writers wait
   * for it, and a transaction that fails uses up no number.
   *
   * @throws Problem `not_found`, `conversation_closed`, `key_required`, `validation_failed`
   */
  async create(conversation_id: string, input: CreateMessageInput, { principal }: Caller): Promise<MessageResponse> {
    const { now } = this.scope
    const conversation = await this.takeSeq(conversation_id, principal)
    if (conversation.status === 'closed') throw new Problem('conversation_closed')
    const values = {
      tenant_id: this.tenant_id,
      id: uuidv7(),
      conversation_id,
      seq: conversation.last_seq,
      created_change: conversation.last_change,
      change: conversation.last_change,
      ...authorOf(input.customer_id, principal, conversation.customer_id),
      content: input.content,
      reply_to: input.reply_to ?? null,
      created_at: now,
    }
    const [row] = await mapConstraint(CONSTRAINTS, () => this.scope.queries.run(INSERT(values)))
    const message = toResponse(row as MessageRecord)
    this.recordChange(message, { seq: message.seq, reply_to: message.reply_to })
    this.publish('chat_message', message)
    return message
  }

  /** @throws Problem `not_found`, `not_author`, `conversation_closed`, `invalid_state` for a deleted one */
  async update(conversation_id: string, id: string, content: string, { principal }: Caller): Promise<MessageResponse> {
    const { status } = await this.holdConversation(conversation_id, principal)
    const before = await this.hold(conversation_id, id)
    if (!isAuthor(before, principal)) throw new Problem('not_author')
    if (status === 'closed') throw new Problem('conversation_closed')
    if (before.deleted_at !== null) throw new Problem('invalid_state', { detail: 'The message is deleted.' })
    if (before.content === content) {
      this.scope.recordNoChange()
      return toResponse(before)
    }
    return this.set(before, { content, edited_at: this.scope.now }, 'chat_message_updated')
  }

  /**
   * Deletes the content of a message. The message keeps its position. Deleting a deleted message changes nothing.
   * @throws Problem `not_found`, `not_author`
   */
  async delete(conversation_id: string, id: string, caller: Caller): Promise<void> {
    const { my_role } = await this.holdConversation(conversation_id, caller.principal)
    const before = await this.hold(conversation_id, id)
    const moderates = caller.moderates || my_role === 'owner' || my_role === 'moderator'
    if (!moderates && !isAuthor(before, caller.principal)) {
      throw new Problem('not_author', { detail: 'Only the author or a moderator may delete a message.' })
    }
    if (before.deleted_at !== null) this.scope.recordNoChange()
    else await this.set(before, { content: null, deleted_at: this.scope.now }, 'chat_message_deleted')
  }

  private async set(
    { id, conversation_id }: MessageRow,
    change: Partial<Pick<MessageRow, 'content' | 'edited_at' | 'deleted_at'>>,
    kind: MessageChange,
  ): Promise<MessageResponse> {
    const taken = await this.scope.queries.run(TAKE_CHANGE({ tenant_id: this.tenant_id, conversation_id }))
    const [row] = await this.scope.queries
      .update(messages)
      .set({ ...change, change: taken[0]?.last_change })
      .where(this.isThis(conversation_id, id))
      .returning(MESSAGE_COLUMNS)
    const message = toResponse(row as MessageRecord)
    this.recordChange(message, { seq: message.seq })
    this.publish(kind, message)
    return message
  }

  /** @throws Problem `not_found` */
  private async takeSeq(id: string, principal: TenantPrincipal) {
    const [conversation] = await this.scope.queries.run(
      TAKE_SEQ({ tenant_id: this.tenant_id, conversation_id: id, now: this.scope.now }),
    )
    if (conversation === undefined) throw new Problem('not_found')
    if (conversation.visibility !== 'tenant') await this.#conversations.visible(id, principal)
    return conversation
  }

  /**
   * Locks the conversation before the message, as a writer of a new message does, so that the two cannot wait for each other.
   * @throws Problem `not_found`
   */
  private holdConversation(id: string, principal: TenantPrincipal) {
    return holdVisible(this.scope, this.tenant_id, id, principal, 'no key update')
  }

  private async hold(conversation_id: string, id: string): Promise<MessageRecord> {
    const [row] = await this.scope.queries
      .select(MESSAGE_COLUMNS)
      .from(messages)
      .where(this.isThis(conversation_id, id))
      .for('update')
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  private recordChange({ id, conversation_id }: MessageResponse, changes: Record<string, unknown>): void {
    this.scope.recordChange({
      kind: 'message',
      id,
      tenant_id: this.tenant_id,
      changes: { conversation_id, ...changes },
    })
  }

  private publish(kind: MessageChange, message: MessageResponse): void {
    const { conversation_id, change } = message
    this.scope.publish({ kind, tenant_id: this.tenant_id, conversation_id, change, message })
  }
}

const CONSTRAINTS = {
  messages_reply_to_fkey: (cause: unknown) =>
    invalidField('/reply_to', 'must be a message of this conversation', cause),
}
