import { and, desc, eq, getTableColumns, ilike, inArray, isNull, or, type SQL, sql } from 'drizzle-orm'
import { type TenantPrincipal, userIdOf } from '../../kernel/authz/principal.js'
import { anywhere } from '../../kernel/database/search.js'
import { Problem } from '../../kernel/problems/problems.js'
import { type OrderedPage, pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { instantOf } from '../../kernel/time/clock.js'
import { customers } from '../customers/table.js'
import { readerOf } from './caller.js'
import { messages } from './messages/table.js'
import { type ConversationShown, messageShown } from './shown.js'
import { type ConversationStatus, conversation_members, conversations, read_markers } from './table.js'

/** Counting further than a person would read costs every list. */
export const UNREAD_MAX = 1_000

export interface ConversationFilters {
  readonly status?: ConversationStatus
  readonly customer_id?: string
  /** A user, or `none` for nobody in particular. */
  readonly assignee_id?: string
  readonly mine?: 'true'
  readonly search?: string
}

const { tenant_id: _tenant_id, ...columns } = getTableColumns(conversations)

/**
 * Reads conversations as one caller sees them. What they may not see does not exist: a conversation of members is there
 * for its members alone, so for no key without a user.
 */
export class ConversationsReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Conversations, newest activity first. */
  async list(
    filters: ConversationFilters,
    page: OrderedPage,
    principal: TenantPrincipal,
  ): Promise<Rows<ConversationShown>> {
    const rows = await this.select(principal)
      .where(and(this.isVisible(), this.matching(filters, principal), isAfter(page)))
      .orderBy(desc(conversations.last_activity_at), desc(conversations.id))
      .limit(page.limit + 1)
    return pageOf(
      rows.map((row) => shown(row, principal)),
      page.limit,
    )
  }

  /** @throws Problem `not_found` for one that does not exist for this principal */
  async visible(id: string, principal: TenantPrincipal): Promise<ConversationShown> {
    const [row] = await this.select(principal).where(and(this.isVisible(), eq(conversations.id, id)))
    if (row === undefined) throw new Problem('not_found')
    return shown(row, principal)
  }

  /** Of these conversations, those that the principal sees, and how far each is: for whoever listens. */
  async seen(ids: readonly string[], principal: TenantPrincipal): Promise<{ id: string; last_seq: number }[]> {
    const { id, last_seq } = conversations
    return this.scope.queries
      .select({ id, last_seq })
      .from(conversations)
      .leftJoin(conversation_members, isMembership(readerOf(principal)))
      .where(and(this.isVisible(), inArray(conversations.id, [...ids])))
  }

  private select(principal: TenantPrincipal) {
    const reader = readerOf(principal)
    return this.scope.queries
      .select({ ...columns, last: messages, my_role: conversation_members.role, unread_count: unreadBy(reader) })
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

  /** The one rule of who sees a conversation; the join above has found whether the reader is a member. */
  private isVisible(): SQL | undefined {
    const is_open = or(eq(conversations.visibility, 'tenant'), sql`${conversation_members.user_id} is not null`)
    return and(eq(conversations.tenant_id, this.tenant_id), is_open)
  }

  private matching(filters: ConversationFilters, principal: TenantPrincipal): SQL | undefined {
    const { status, customer_id, assignee_id, mine } = filters
    const pattern = anywhere(filters.search ?? '')
    const is_found = or(ilike(conversations.title, pattern), ilike(customers.name, pattern))
    return and(
      status === undefined ? undefined : eq(conversations.status, status),
      customer_id === undefined ? undefined : eq(conversations.customer_id, customer_id),
      isAssigned(assignee_id),
      mine === undefined
        ? undefined
        : or(sql`${conversation_members.user_id} is not null`, isAssignedTo(readerOf(principal))),
      filters.search === undefined ? undefined : is_found,
    )
  }
}

/**
 * A conversation as its reader sees it, held against a removal, a change of visibility and a close until the
 * transaction ends: what was checked is still so when the write is there. Messages may be written meanwhile.
 *
 * @throws Problem `not_found`
 */
export async function holdVisible(
  scope: WriteScope,
  tenant_id: string,
  id: string,
  principal: TenantPrincipal,
): Promise<ConversationShown> {
  await scope.queries
    .select({ id: conversations.id })
    .from(conversations)
    .where(and(eq(conversations.tenant_id, tenant_id), eq(conversations.id, id)))
    .for('key share')
  return new ConversationsReader(scope, tenant_id).visible(id, principal)
}

function isAssigned(assignee_id: string | undefined): SQL | undefined {
  if (assignee_id === undefined) return undefined
  return assignee_id === 'none' ? isNull(conversations.assignee_id) : isAssignedTo(assignee_id)
}

/** The membership of a reader in the conversation of the row. */
function isMembership(reader: string): SQL | undefined {
  return and(
    eq(conversation_members.tenant_id, conversations.tenant_id),
    eq(conversation_members.conversation_id, conversations.id),
    eq(conversation_members.user_id, reader),
  )
}

function isAssignedTo(user_id: string): SQL {
  return eq(conversations.assignee_id, user_id)
}

function isAfter({ after }: OrderedPage): SQL | undefined {
  if (after === undefined) return undefined
  const place = sql`(${instantOf(after.order)}::timestamptz, ${after.id}::uuid)`
  return sql`(${conversations.last_activity_at}, ${conversations.id}) < ${place}`
}

/** Messages behind the read marker that others wrote and that are still there. */
function unreadBy(reader: string): SQL<number> {
  return sql<number>`(select count(*)::int from (
    select from messages u
    where u.tenant_id = ${conversations.tenant_id} and u.conversation_id = ${conversations.id}
      and u.seq > coalesce(${read_markers.seq}, 0) and u.deleted_at is null
      and not (u.author_kind = 'user' and u.author_id = ${reader})
    limit ${sql.raw(String(UNREAD_MAX))}) unread)`
}

type Selected = Awaited<ReturnType<ConversationsReader['select']>>[number]

function shown({ last, ...row }: Selected, principal: TenantPrincipal): ConversationShown {
  return {
    ...row,
    last_message: last === null ? null : messageShown(last),
    unread_count: userIdOf(principal) === null ? null : row.unread_count,
  }
}
