import { and, asc, eq, gt, inArray, not, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import type { TenantPrincipal } from '../../kernel/authz/principal.js'
import { LIMIT_MAX } from '../../kernel/rest/pagination.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'
import { MESSAGE_COLUMNS } from '../conversations/messages/names.js'
import { MessagesReader } from '../conversations/messages/reader.js'
import { toResponse as toMessage } from '../conversations/messages/schema.js'
import { messages } from '../conversations/messages/table.js'
import { ConversationsReader } from '../conversations/reader.js'
import { toResponse as toReport } from '../conversations/reports/schema.js'
import { REPORT_COLUMNS } from '../conversations/reports/store.js'
import { message_reports } from '../conversations/reports/table.js'
import { conversations } from '../conversations/table.js'
import { toResponse as toCustomer } from '../customers/schema.js'
import type { CustomerRecord } from '../customers/table.js'
import type { ExportEnd, ExportedObject } from './schema.js'

/** Messages of one read. Each can have 4,000 characters, so a batch has at most a few megabytes. */
const MESSAGES_BATCH = 200

type Counts = { -readonly [Name in keyof ExportEnd]: ExportEnd[Name] }

/**
 * Reads everything about a customer, in batches with a short transaction each. It reads as the caller, who sees conversations
 * of members only as a member. The last line counts what was left out, so that an export cannot be mistaken for a complete one.
 */
export class CustomerExportReader {
  readonly #conversations: ConversationsReader
  readonly #messages: MessagesReader

  constructor(
    private readonly scope: ReadScope,
    private readonly tenant_id: string,
  ) {
    this.#conversations = new ConversationsReader(scope, tenant_id)
    this.#messages = new MessagesReader(scope, tenant_id)
  }

  async *all(customer: CustomerRecord, principal: TenantPrincipal): AsyncGenerator<ExportedObject[]> {
    const counts = { conversations: 0, messages: 0, reports: 0, hidden_conversations: 0, hidden_messages: 0 }
    yield [{ kind: 'customer', customer: toCustomer(customer) }]
    yield* this.conversations(customer.id, principal, counts)
    yield* this.messagesElsewhere(customer.id, principal, counts)
    yield* this.reports(customer.id, principal, counts)
    yield [{ kind: 'end', ...counts }]
  }

  /** The conversations of the customer, each with all its messages. */
  private async *conversations(
    customer_id: string,
    principal: TenantPrincipal,
    counts: Counts,
  ): AsyncGenerator<ExportedObject[]> {
    for await (const ids of this.idsOfConversations(customer_id)) {
      const seen = await this.visibleAmong(ids, principal)
      counts.hidden_conversations += ids.length - seen.size
      for (const id of ids.filter((each) => seen.has(each))) {
        yield [{ kind: 'conversation', conversation: await this.#conversations.visible(id, principal) }]
        counts.conversations += 1
        yield* this.messagesOf(id, counts)
      }
    }
  }

  private async *messagesOf(conversation_id: string, counts: Counts): AsyncGenerator<ExportedObject[]> {
    let seq = 0
    for (;;) {
      const page = { limit: MESSAGES_BATCH, after: undefined }
      const { rows: batch } = await this.#messages.list(conversation_id, { seq }, page)
      yield batch.map((message) => ({ kind: 'message', message }))
      counts.messages += batch.length
      if (batch.length < MESSAGES_BATCH) return
      seq = batch.at(-1)?.seq ?? seq
    }
  }

  /** The messages of the customer in conversations that are not theirs: such a conversation was given to another customer. */
  private async *messagesElsewhere(
    customer_id: string,
    principal: TenantPrincipal,
    counts: Counts,
  ): AsyncGenerator<ExportedObject[]> {
    let after: string | undefined
    do {
      const rows = await this.scope.queries
        .select(MESSAGE_COLUMNS)
        .from(messages)
        .where(
          and(
            eq(messages.tenant_id, this.tenant_id),
            this.isWrittenElsewhere(messages, customer_id),
            isAfter(messages.id, after),
          ),
        )
        .orderBy(asc(messages.id))
        .limit(MESSAGES_BATCH)
      const seen = await this.visibleAmong([...new Set(rows.map((row) => row.conversation_id))], principal)
      const visible = rows.filter((row) => seen.has(row.conversation_id))
      yield visible.map((row) => ({ kind: 'message', message: toMessage(row) }))
      counts.messages += visible.length
      counts.hidden_messages += rows.length - visible.length
      after = rows.length === MESSAGES_BATCH ? rows.at(-1)?.id : undefined
    } while (after !== undefined)
  }

  /** The reports about messages of the conversations and of the customer. A reported author must not learn who reported. */
  private async *reports(
    customer_id: string,
    principal: TenantPrincipal,
    counts: Counts,
  ): AsyncGenerator<ExportedObject[]> {
    const inside = inArray(message_reports.conversation_id, this.conversationsOf(customer_id))
    for (const part of [inside, this.isWrittenElsewhere(message_reports, customer_id)]) {
      let after: string | undefined
      do {
        const rows = await this.scope.queries
          .select(REPORT_COLUMNS)
          .from(message_reports)
          .where(and(eq(message_reports.tenant_id, this.tenant_id), part, isAfter(message_reports.id, after)))
          .orderBy(asc(message_reports.id))
          .limit(LIMIT_MAX)
        const of_others = rows.filter((row) => row.author_kind !== principal.kind || row.author_id !== principal.id)
        yield of_others.map((row) => ({ kind: 'report', report: toReport(row, principal, true) }))
        counts.reports += of_others.length
        after = rows.length === LIMIT_MAX ? rows.at(-1)?.id : undefined
      } while (after !== undefined)
    }
  }

  private async *idsOfConversations(customer_id: string): AsyncGenerator<string[]> {
    let after: string | undefined
    do {
      const rows = await this.conversationsOf(customer_id, after).orderBy(asc(conversations.id)).limit(LIMIT_MAX)
      yield rows.map(({ id }) => id)
      after = rows.length === LIMIT_MAX ? rows.at(-1)?.id : undefined
    } while (after !== undefined)
  }

  private conversationsOf(customer_id: string, after?: string) {
    const is_linked = eq(conversations.customer_id, customer_id)
    return this.scope.queries
      .select({ id: conversations.id })
      .from(conversations)
      .where(and(eq(conversations.tenant_id, this.tenant_id), is_linked, isAfter(conversations.id, after)))
  }

  private isWrittenElsewhere(table: typeof messages | typeof message_reports, customer_id: string): SQL | undefined {
    const is_inside = inArray(table.conversation_id, this.conversationsOf(customer_id))
    // As text and not as a parameter: the index has only rows of customers, and a prepared plan must know that.
    return and(sql`${table.author_kind} = 'customer'`, eq(table.author_id, customer_id), not(is_inside))
  }

  private async visibleAmong(ids: readonly string[], principal: TenantPrincipal): Promise<ReadonlySet<string>> {
    const rows = ids.length === 0 ? [] : await this.#conversations.seen(ids, principal)
    return new Set(rows.map(({ id }) => id))
  }
}

function isAfter(id: PgColumn, after: string | undefined): SQL | undefined {
  return after === undefined ? undefined : gt(id, after)
}
