import { and, asc, desc, eq, gt, lt, sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import type { TenantPrincipal } from '../../../kernel/authz/principal.js'
import { mapConstraint } from '../../../kernel/database/errors.js'
import { compiled, queriesOn } from '../../../kernel/database/queries.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { invalidField } from '../../../kernel/problems/validation.js'
import { type OrderedPage, pageOf, type Rows } from '../../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'
import { unreachable } from '../../../kernel/unreachable.js'
import type { Caller } from '../caller.js'
import { ConversationsReader, holdVisible } from '../store.js'
import { type ConversationRow, conversations } from '../table.js'
import { type MessageResponse, toResponse } from './schema.js'
import { type MessageRow, messages } from './table.js'

export interface CreateMessageInput {
  readonly content: string
  readonly reply_to?: string | null
  /** The customer who is the author of a message that a key sends. */
  readonly customer_id?: string
}

type Author = Pick<MessageRow, 'author_kind' | 'author_id' | 'key_id'>

type LockedConversation = Pick<ConversationRow, 'last_seq' | 'status' | 'customer_id' | 'visibility'>

/** These statements run for every message, so they are compiled once. */
const builder = queriesOn(async () => [])
const INSERT = compiled<Omit<MessageRow, 'edited_at' | 'deleted_at'>, MessageRow>((given) =>
  builder.insert(messages).values(given).returning(),
)
const TAKE_SEQ = compiled<Record<'tenant_id' | 'id' | 'now', string>, LockedConversation>(({ tenant_id, id, now }) =>
  builder
    .update(conversations)
    .set({
      last_seq: sql`${conversations.last_seq} + 1`,
      // A writer that waited for the lock may have an earlier `now`; never move the time backwards.
      last_activity_at: sql`greatest(${conversations.last_activity_at}, ${now}::timestamptz)`,
    })
    .where(and(eq(conversations.tenant_id, tenant_id), eq(conversations.id, id)))
    .returning({
      last_seq: conversations.last_seq,
      status: conversations.status,
      customer_id: conversations.customer_id,
      visibility: conversations.visibility,
    }),
)

interface RangeValues {
  readonly tenant_id: string
  readonly conversation_id: string
  readonly limit: number
  readonly after: number | undefined
  readonly before: number | undefined
}

const ASCENDING = compiled<RangeValues, MessageRow>((given) =>
  range(given).orderBy(asc(messages.seq)).limit(given.limit),
)
const DESCENDING = compiled<RangeValues, MessageRow>((given) =>
  range(given).orderBy(desc(messages.seq)).limit(given.limit),
)

type Given = Parameters<Parameters<typeof compiled<RangeValues, MessageRow>>[0]>[0]

function range({ tenant_id, conversation_id, after, before }: Given) {
  return builder
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.tenant_id, tenant_id),
        eq(messages.conversation_id, conversation_id),
        after && gt(messages.seq, after),
        before && lt(messages.seq, before),
      ),
    )
    .$dynamic()
}

/** Reads messages of a conversation. The caller must check first that the conversation is visible. */
export class MessagesReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists messages after a seq, oldest first: those that a listener missed. */
  async after(conversation_id: string, seq: number, limit: number): Promise<MessageResponse[]> {
    const values = { tenant_id: this.tenant_id, conversation_id, after: seq, before: undefined, limit }
    return (await this.scope.queries.run(ASCENDING(values))).map(toResponse)
  }

  /** Lists a page of messages: after a seq, oldest first, or without a seq, newest first. */
  async list(conversation_id: string, after: number | undefined, page: OrderedPage): Promise<Rows<MessageResponse>> {
    const values = { tenant_id: this.tenant_id, conversation_id, limit: page.limit + 1 }
    const rows =
      after === undefined
        ? await this.scope.queries.run(DESCENDING({ ...values, after: undefined, before: page.after?.order }))
        : await this.scope.queries.run(
            ASCENDING({ ...values, after: Math.max(after, page.after?.order ?? 0), before: undefined }),
          )
    return pageOf(rows.map(toResponse), page.limit)
  }

  /** @throws Problem `not_found` */
  async get(conversation_id: string, id: string): Promise<MessageResponse> {
    const [row] = await this.scope.queries.select().from(messages).where(this.isThis(conversation_id, id))
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
   * Sends a message. Its number comes from the row of the conversation, which is locked until the commit: other writers wait
   * for it, and a transaction that fails does not use up a number.
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
      ...authorOf(input, principal, conversation.customer_id),
      content: input.content,
      reply_to: input.reply_to ?? null,
      created_at: now,
    }
    const [row] = await mapConstraint(CONSTRAINTS, () => this.scope.queries.run(INSERT(values)))
    const message = toResponse(row as MessageRow)
    this.recordChange(message, { seq: message.seq, reply_to: message.reply_to })
    this.publish('chat_message', message)
    return message
  }

  /** @throws Problem `not_found`, `not_author`, `conversation_closed`, `invalid_state` for a deleted one */
  async update(conversation_id: string, id: string, content: string, { principal }: Caller): Promise<MessageResponse> {
    const { status } = await holdVisible(this.scope, this.tenant_id, conversation_id, principal)
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
    const { my_role } = await holdVisible(this.scope, this.tenant_id, conversation_id, caller.principal)
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
    kind: 'chat_message_updated' | 'chat_message_deleted',
  ): Promise<MessageResponse> {
    const [row] = await this.scope.queries
      .update(messages)
      .set(change)
      .where(this.isThis(conversation_id, id))
      .returning()
    const message = toResponse(row as MessageRow)
    this.recordChange(message, { seq: message.seq })
    this.publish(kind, message)
    return message
  }

  /** @throws Problem `not_found` */
  private async takeSeq(id: string, principal: TenantPrincipal) {
    const [conversation] = await this.scope.queries.run(
      TAKE_SEQ({ tenant_id: this.tenant_id, id, now: this.scope.now }),
    )
    if (conversation === undefined) throw new Problem('not_found')
    if (conversation.visibility !== 'tenant') await this.#conversations.visible(id, principal)
    return conversation
  }

  private async hold(conversation_id: string, id: string): Promise<MessageRow> {
    const [row] = await this.scope.queries.select().from(messages).where(this.isThis(conversation_id, id)).for('update')
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

  private publish(
    kind: 'chat_message' | 'chat_message_updated' | 'chat_message_deleted',
    message: MessageResponse,
  ): void {
    this.scope.publish({ kind, tenant_id: this.tenant_id, conversation_id: message.conversation_id, message })
  }
}

/**
 * Returns the author of a message: the user, the key, or the customer of the conversation. Only a key may send a message of
 * the customer, so that a user cannot forge one.
 */
function authorOf(
  { customer_id }: CreateMessageInput,
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
function isAuthor({ author_kind, author_id, key_id }: MessageRow, { kind, id }: TenantPrincipal): boolean {
  switch (kind) {
    case 'user':
      return author_kind === kind && author_id === id
    case 'key':
      return key_id === id
    default:
      return unreachable(kind)
  }
}

const CONSTRAINTS = {
  messages_reply_to_fkey: (cause: unknown) =>
    invalidField('/reply_to', 'must be a message of this conversation', cause),
}
