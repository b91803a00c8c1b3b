import { and, eq, ilike, isNull, or, type SQL, sql } from 'drizzle-orm'
import type { TenantPrincipal } from '../../kernel/authz/principal.js'
import { anywhere } from '../../kernel/database/search.js'
import type { OrderedPage } from '../../kernel/rest/pagination.js'
import { instantOf } from '../../kernel/time/clock.js'
import { customers } from '../customers/table.js'
import { readerOf } from './caller.js'
import { type Order, UNREAD_MAX } from './schema.js'
import { type ConversationStatus, conversation_members, conversations, read_markers } from './table.js'

export interface ConversationFilters {
  readonly order?: Order
  readonly status?: ConversationStatus
  readonly customer_id?: string
  /** A user id, or `none` for conversations without an assignment. */
  readonly assignee_id?: string
  readonly mine?: 'true'
  readonly search?: string
}

/** The column of each order of a list. */
export const ORDER_COLUMNS = {
  last_activity: conversations.last_activity_at,
  created_at: conversations.created_at,
} as const

/** The condition of the filters of a list. The query joins the customer and the membership of the reader. */
export function matching(filters: ConversationFilters, principal: TenantPrincipal): SQL | undefined {
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

function isAssigned(assignee_id: string | undefined): SQL | undefined {
  if (assignee_id === undefined) return undefined
  return assignee_id === 'none' ? isNull(conversations.assignee_id) : isAssignedTo(assignee_id)
}

/** The membership of a reader in the conversation of the row. */
export function isMembership(reader: string): SQL | undefined {
  return and(
    eq(conversation_members.tenant_id, conversations.tenant_id),
    eq(conversation_members.conversation_id, conversations.id),
    eq(conversation_members.user_id, reader),
  )
}

function isAssignedTo(user_id: string): SQL {
  return eq(conversations.assignee_id, user_id)
}

export type OrderColumn = (typeof ORDER_COLUMNS)[Order]

/** The conversation up to which one request searches, and its time in the order of the list. */
export interface SearchEnd {
  readonly id: string
  readonly at: string
}

export function isUpTo(column: OrderColumn, { at, id }: SearchEnd): SQL {
  return sql`(${column}, ${conversations.id}) >= (${at}::timestamptz, ${id}::uuid)`
}

export function isAfter(column: OrderColumn, { after }: OrderedPage): SQL | undefined {
  if (after === undefined) return undefined
  return sql`(${column}, ${conversations.id}) < (${instantOf(after.order)}::timestamptz, ${after.id}::uuid)`
}

/** The condition of an unread message: after the read marker, of another author, and not deleted. */
export function unreadBy(reader: string): SQL<number> {
  return sql<number>`(select count(*)::int from (
    select from messages u
    where u.tenant_id = ${conversations.tenant_id} and u.conversation_id = ${conversations.id}
      and u.seq > coalesce(${read_markers.seq}, 0) and u.deleted_at is null
      and not (u.author_kind = 'user' and u.author_id = ${reader})
    limit ${sql.raw(String(UNREAD_MAX))}) unread)`
}
