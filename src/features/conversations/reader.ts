import { and, desc, eq, getTableColumns, inArray, or, type SQL, sql } from 'drizzle-orm'
import type { TenantPrincipal } from '../../kernel/authz/principal.js'
import { SEARCHED_ROWS_MAX } from '../../kernel/database/search.js'
import { asName, knownUserName } from '../../kernel/identity/names.js'
import type { LogEnd } from '../../kernel/live/conversation-log.js'
import { Problem } from '../../kernel/problems/problems.js'
import { type OrderedPage, pageOf, positionOf, type Rows } from '../../kernel/rest/pagination.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'
import { customers } from '../customers/table.js'
import { readerOf } from './caller.js'
import {
  type ConversationFilters,
  isAfter,
  isMembership,
  isUpTo,
  matching,
  ORDER_COLUMNS,
  type OrderColumn,
  type SearchEnd,
  unreadBy,
} from './conditions.js'
import { authorName } from './messages/names.js'
import { messages } from './messages/table.js'
import { type ConversationResponse, toResponse } from './schema.js'
import { conversation_members, conversations, read_markers } from './table.js'

const { tenant_id: _tenant_id, ...columns } = getTableColumns(conversations)

/** The names of the assignee and of the author of the last message. */
const NAMES = {
  assignee_name: asName(knownUserName('conversations.tenant_id', 'conversations.assignee_id')),
  last_author_name: authorName('messages'),
}

/**
 * Reads conversations as one caller sees them. A conversation that the caller may not see does not exist for the caller. Only
 * its members see a conversation of members, so a key without a user sees none.
 */
export class ConversationsReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists conversations, newest first: by their latest activity, or by their creation, which never changes. */
  async list(
    filters: ConversationFilters,
    page: OrderedPage,
    principal: TenantPrincipal,
  ): Promise<Rows<ConversationResponse>> {
    const { order = 'last_activity' } = filters
    const column = ORDER_COLUMNS[order]
    const end = filters.search === undefined ? undefined : await this.searchEnd(column, page)
    const rows = await this.select(principal)
      .where(and(this.isVisible(), matching(filters, principal), isAfter(column, page), end && isUpTo(column, end)))
      .orderBy(desc(column), desc(conversations.id))
      .limit(page.limit + 1)
    return pageOf(
      rows.map((row) => toResponse(row, principal)),
      page.limit,
      end && positionOf(Date.parse(end.at), end.id),
    )
  }

  /** The conversation up to which one request searches. */
  private async searchEnd(column: OrderColumn, page: OrderedPage): Promise<SearchEnd | undefined> {
    const [end] = await this.scope.queries
      .select({ id: conversations.id, at: column })
      .from(conversations)
      .where(and(eq(conversations.tenant_id, this.tenant_id), isAfter(column, page)))
      .orderBy(desc(column), desc(conversations.id))
      .limit(1)
      .offset(SEARCHED_ROWS_MAX - 1)
    return end
  }

  /** @throws Problem `not_found` for a conversation that this principal cannot see */
  async visible(id: string, principal: TenantPrincipal): Promise<ConversationResponse> {
    const [row] = await this.select(principal).where(and(this.isVisible(), eq(conversations.id, id)))
    if (row === undefined) throw new Problem('not_found')
    return toResponse(row, principal)
  }

  /** Returns which of these conversations the principal sees, with the end of the log of each, for open connections. */
  async seen(ids: readonly string[], principal: TenantPrincipal): Promise<({ id: string } & LogEnd)[]> {
    const { id, last_seq, last_change } = conversations
    return this.scope.queries
      .select({ id, last_seq, last_change })
      .from(conversations)
      .leftJoin(conversation_members, isMembership(readerOf(principal)))
      .where(and(this.isVisible(), inArray(conversations.id, [...ids])))
  }

  private select(principal: TenantPrincipal) {
    const reader = readerOf(principal)
    return this.scope.queries
      .select({
        ...columns,
        ...NAMES,
        last: messages,
        my_role: conversation_members.role,
        unread_count: unreadBy(reader),
      })
      .from(conversations)
      .leftJoin(conversation_members, isMembership(reader))
      .leftJoin(
        read_markers,
        and(
          eq(read_markers.tenant_id, conversations.tenant_id),
          eq(read_markers.conversation_id, conversations.id),
          eq(read_markers.user_id, reader),
        ),
      )
      .leftJoin(
        messages,
        and(
          eq(messages.tenant_id, conversations.tenant_id),
          eq(messages.conversation_id, conversations.id),
          eq(messages.seq, conversations.last_seq),
        ),
      )
      .leftJoin(
        customers,
        and(eq(customers.tenant_id, conversations.tenant_id), eq(customers.id, conversations.customer_id)),
      )
      .$dynamic()
  }

  /** The rule of visibility. The join above finds whether the reader is a member. */
  private isVisible(): SQL | undefined {
    const is_open = or(eq(conversations.visibility, 'tenant'), sql`${conversation_members.user_id} is not null`)
    return and(eq(conversations.tenant_id, this.tenant_id), is_open)
  }
}
