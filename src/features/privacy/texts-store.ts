import { and, asc, eq, inArray, isNotNull, ne, not, type SQL, sql } from 'drizzle-orm'
import { unionAll } from 'drizzle-orm/pg-core'
import { forgetAnswers } from '../../kernel/store/idempotency-records.js'
import type { ErasedText } from '../../kernel/store/subject.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { MESSAGE_COLUMNS } from '../conversations/messages/names.js'
import { toResponse } from '../conversations/messages/schema.js'
import { messages } from '../conversations/messages/table.js'
import { message_reports } from '../conversations/reports/table.js'
import { conversations } from '../conversations/table.js'
import type { CustomerTexts } from '../customers/store.js'

/** The messages that one transaction erases. It holds the locks of their conversations for less than a second. */
export const ERASED_AT_ONCE = 2_000
/** A conversation must have a title. */
const ERASED_TITLE = 'Erased conversation'

/** Reads how much text there is about a customer. */
export class CustomerTextsReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Whether the messages about a customer are too many to erase in one transaction. */
  async isTooMuch(customer_id: string): Promise<boolean> {
    const rows = await this.idsAbout(messages, customer_id, isNotNull(messages.content)).limit(1).offset(ERASED_AT_ONCE)
    return rows.length > 0
  }

  /** The conversations of the customer. */
  protected conversationsOf(customer_id: string) {
    return this.scope.queries
      .select({ id: conversations.id })
      .from(conversations)
      .where(and(eq(conversations.tenant_id, this.tenant_id), eq(conversations.customer_id, customer_id)))
  }

  /**
   * The ids of the rows about the customer: in their conversations, and elsewhere those of what they wrote. Each of the two
   * parts has an index; one condition with `or` would read every row of the tenant.
   */
  protected idsAbout(table: typeof messages | typeof message_reports, customer_id: string, which: SQL | undefined) {
    const select = (part: SQL | undefined) =>
      this.scope.queries
        .select({ id: table.id })
        .from(table)
        .where(and(eq(table.tenant_id, this.tenant_id), part, which))
    const inside = inArray(table.conversation_id, this.conversationsOf(customer_id))
    // As text and not as a parameter: the index has only rows of customers, and a prepared plan must know that.
    const written = and(sql`${table.author_kind} = 'customer'`, eq(table.author_id, customer_id), not(inside))
    return unionAll(select(inside), select(written))
  }
}

/**
 * Erases the text about a customer: the titles and messages of their conversations, the messages that they wrote in other
 * conversations, and the reports of all of these with their copies. The rows stay, with their ids, numbers and times.
 */
export class CustomerTextsWriter extends CustomerTextsReader implements CustomerTexts {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  async lock(customer_id: string): Promise<void> {
    await this.conversationsOf(customer_id).orderBy(asc(conversations.id)).for('update')
  }

  async eraseMessages(customer_id: string): Promise<number> {
    const { queries, now } = this.scope
    // A conversation that was opened after `lock`. The customer is locked since then, so there will be no other one.
    await this.lock(customer_id)
    const some = await this.idsAbout(messages, customer_id, isNotNull(messages.content)).limit(ERASED_AT_ONCE)
    const changes = await this.takeChanges(some.map(({ id }) => id))
    if (changes.length === 0) return 0
    const values = sql.join(
      changes.map(({ id, change }) => sql`(${id}::uuid, ${change}::integer)`),
      sql`, `,
    )
    const taken = sql`(values ${values}) as taken (id, change)`
    const erased = await queries
      .update(messages)
      .set({ content: null, deleted_at: now, change: sql`taken.change` })
      .from(taken)
      .where(and(eq(messages.tenant_id, this.tenant_id), eq(messages.id, sql`taken.id`)))
      .returning(MESSAGE_COLUMNS)
    for (const row of erased) {
      // The customer has a name until the end of the transaction. The listeners receive the event after it.
      const message = toResponse(row.author_id === customer_id ? { ...row, author_name: null } : row)
      const { conversation_id, change } = message
      this.scope.publish({ kind: 'chat_message_deleted', tenant_id: this.tenant_id, conversation_id, change, message })
    }
    return erased.length
  }

  /**
   * Takes a number for the deletion of each message that is not deleted. It locks the conversations first, in one order, as
   * every writer of a message locks its conversation. After that no other transaction can delete one of the messages.
   */
  private async takeChanges(ids: readonly string[]): Promise<{ id: string; change: number }[]> {
    const { queries } = this.scope
    const these = and(
      eq(messages.tenant_id, this.tenant_id),
      inArray(messages.id, [...ids]),
      isNotNull(messages.content),
    )
    if (ids.length === 0) return []
    const theirs = queries.select({ id: messages.conversation_id }).from(messages).where(these)
    const held = await queries
      .select({ id: conversations.id, last_change: conversations.last_change })
      .from(conversations)
      .where(and(eq(conversations.tenant_id, this.tenant_id), inArray(conversations.id, theirs)))
      .orderBy(asc(conversations.id))
      .for('update')
    const last = new Map(held.map(({ id, last_change }) => [id, last_change]))
    const rows = await queries
      .select({ id: messages.id, conversation_id: messages.conversation_id })
      .from(messages)
      .where(these)
      .orderBy(asc(messages.conversation_id), asc(messages.seq))
    const changes = rows.map(({ id, conversation_id }) => {
      const change = (last.get(conversation_id) ?? 0) + 1
      last.set(conversation_id, change)
      return { id, change }
    })
    for (const { id, last_change } of held) {
      const after = last.get(id)
      if (after === last_change) continue
      await queries
        .update(conversations)
        .set({ last_change: after })
        .where(and(eq(conversations.tenant_id, this.tenant_id), eq(conversations.id, id)))
    }
    return changes
  }

  async erase(customer_id: string): Promise<ErasedText> {
    let total = 0
    // Messages may have been added since the last part was erased, so one round is not always enough.
    for (let erased = await this.eraseMessages(customer_id); erased > 0; ) {
      total += erased
      erased = await this.eraseMessages(customer_id)
    }
    const reports = await this.eraseReports(customer_id)
    return { conversations: await this.eraseTitles(customer_id), messages: total, reports }
  }

  private async eraseReports(customer_id: string): Promise<number> {
    const all = this.idsAbout(message_reports, customer_id, ne(message_reports.content, ''))
    const erased = await this.scope.queries
      .update(message_reports)
      .set({ content: '', reason: '', note: sql`case when ${message_reports.note} is not null then '' end` })
      .where(and(eq(message_reports.tenant_id, this.tenant_id), inArray(message_reports.id, all)))
      .returning({ id: message_reports.id })
    return this.forgetCreationOf(erased)
  }

  private async eraseTitles(customer_id: string): Promise<number> {
    const erased = await this.scope.queries
      .update(conversations)
      .set({ title: ERASED_TITLE, version: sql`${conversations.version} + 1`, updated_at: this.scope.now })
      .where(and(eq(conversations.tenant_id, this.tenant_id), eq(conversations.customer_id, customer_id)))
      .returning({ id: conversations.id })
    return this.forgetCreationOf(erased)
  }

  /** Deletes the stored responses to the creation of erased rows. @returns how many rows there are */
  private async forgetCreationOf(rows: readonly { readonly id: string }[]): Promise<number> {
    const ids = rows.map(({ id }) => id)
    await forgetAnswers(this.scope, this.tenant_id, ids)
    return ids.length
  }
}
