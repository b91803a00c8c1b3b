import { and, desc, eq, getTableColumns, ilike, inArray, isNull, or, type SQL, sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { findHoldings } from '../../kernel/authz/holdings.js'
import { type TenantPrincipal, userIdOf } from '../../kernel/authz/principal.js'
import { mapConstraint } from '../../kernel/database/errors.js'
import { anywhere, SEARCHED_ROWS_MAX } from '../../kernel/database/search.js'
import type { LogEnd } from '../../kernel/live/conversation-log.js'
import { holds } from '../../kernel/permissions/evaluate.js'
import { Problem } from '../../kernel/problems/problems.js'
import { invalidField } from '../../kernel/problems/validation.js'
import { assertIfMatch } from '../../kernel/rest/etag.js'
import { type OrderedPage, pageOf, positionOf, type Rows } from '../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { instantOf } from '../../kernel/time/clock.js'
import { customers } from '../customers/table.js'
import { type Caller, readerOf } from './caller.js'
import { effectiveRole, requireRole } from './effective-role.js'
import { messages } from './messages/table.js'
import { type ConversationResponse, type Order, toResponse, UNREAD_MAX } from './schema.js'
import {
  type Channel,
  type ConversationStatus,
  conversation_members,
  conversations,
  read_markers,
  type Visibility,
} from './table.js'

const ORDER_COLUMNS = { last_activity: conversations.last_activity_at, created_at: conversations.created_at } as const

export interface ConversationFilters {
  readonly order?: Order
  readonly status?: ConversationStatus
  readonly customer_id?: string
  /** A user id, or `none` for conversations without an assignment. */
  readonly assignee_id?: string
  readonly mine?: 'true'
  readonly search?: string
}

export interface CreateConversationInput {
  readonly title: string
  readonly customer_id?: string | null
  readonly assignee_id?: string | null
  readonly channel?: Channel
  readonly visibility?: Visibility
}

export interface UpdateConversationInput extends Partial<Omit<CreateConversationInput, 'channel'>> {
  readonly status?: ConversationStatus
}

const { tenant_id: _tenant_id, ...columns } = getTableColumns(conversations)

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
      .where(
        and(this.isVisible(), this.matching(filters, principal), isAfter(column, page), end && isUpTo(column, end)),
      )
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

  /** The rule of visibility. The join above finds whether the reader is a member. */
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

export class ConversationsWriter extends ConversationsReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /** Opens a conversation. A user who opens it becomes its owner. @throws Problem `validation_failed` for unknown ids */
  async create(input: CreateConversationInput, { principal }: Caller): Promise<ConversationResponse> {
    const { now } = this.scope
    const id = uuidv7()
    const { title, customer_id = null, assignee_id = null, channel = 'web', visibility = 'tenant' } = input
    const user_id = userIdOf(principal)
    if (visibility === 'members' && user_id === null) throw unseen()
    const values = { tenant_id: this.tenant_id, id, title, customer_id, assignee_id, channel, visibility }
    await mapConstraint(CONSTRAINTS, () =>
      this.scope.queries
        .insert(conversations)
        .values({ ...values, status: 'open', last_activity_at: now, created_at: now, updated_at: now }),
    )
    if (user_id !== null) {
      const owner = { tenant_id: this.tenant_id, conversation_id: id, user_id, role: 'owner' as const }
      await this.scope.queries.insert(conversation_members).values({ ...owner, created_at: now })
    }
    const conversation = await this.visible(id, principal)
    await this.checkAssignee(conversation)
    const pick = ({ customer_id, assignee_id, channel, visibility }: ConversationResponse) => ({
      ...{ customer_id, assignee_id, channel, visibility },
    })
    this.recordChange(conversation, { after: pick(conversation) })
    return conversation
  }

  /** @throws Problem `not_found`, `precondition_failed`, `conversation_role_required`, `validation_failed` */
  async update(
    id: string,
    change: UpdateConversationInput,
    if_match: readonly number[] | undefined,
    caller: Caller,
  ): Promise<ConversationResponse> {
    const before = await this.hold(id, caller)
    assertIfMatch(if_match, before.version)
    if (change.title !== undefined && change.title !== before.title) {
      requireRole(await effectiveRole(this.scope, this.tenant_id, before, caller), 'moderator')
    }
    if (change.visibility !== undefined && change.visibility !== before.visibility) {
      requireRole(await effectiveRole(this.scope, this.tenant_id, before, caller), 'owner')
      if (change.visibility === 'members' && before.my_role === null) throw unseen()
    }
    return this.set(before, change, caller)
  }

  /**
   * Assigns the conversation to a member who may see it, or removes the assignment.
   * @throws Problem `not_found`, `precondition_failed`, `conversation_closed`, `validation_failed`
   */
  async handOff(
    id: string,
    assignee_id: string | null,
    if_match: readonly number[] | undefined,
    caller: Caller,
  ): Promise<ConversationResponse> {
    const before = await this.hold(id, caller)
    assertIfMatch(if_match, before.version)
    if (before.status === 'closed') throw new Problem('conversation_closed')
    return this.set(before, { assignee_id, status: 'handoff' }, caller)
  }

  /** Reads and locks a conversation until the commit, so that the checked row is the changed row. @throws Problem `not_found` */
  async hold(id: string, { principal }: Caller): Promise<ConversationResponse> {
    await this.scope.queries.select({ id: conversations.id }).from(conversations).where(this.isThis(id)).for('update')
    return this.visible(id, principal)
  }

  private async set(
    before: ConversationResponse,
    change: UpdateConversationInput,
    { principal }: Caller,
  ): Promise<ConversationResponse> {
    const fields = (Object.keys(change) as (keyof UpdateConversationInput)[]).filter(
      (field) => change[field] !== before[field],
    )
    if (fields.length === 0) {
      this.scope.recordNoChange()
      return before
    }
    await mapConstraint(CONSTRAINTS, () =>
      this.scope.queries
        .update(conversations)
        .set({ ...change, version: before.version + 1, updated_at: this.scope.now })
        .where(this.isThis(before.id)),
    )
    const after = await this.visible(before.id, principal)
    if (fields.includes('assignee_id') || fields.includes('visibility')) await this.checkAssignee(after)
    const told = fields.filter((field) => field !== 'title')
    const pick = (from: ConversationResponse) => Object.fromEntries(told.map((field) => [field, from[field]]))
    this.recordChange(after, { fields, before: pick(before), after: pick(after) })
    return after
  }

  /** The assignee must be able to see the conversation. All reasons share one error, so it reveals nothing about the user. */
  private async checkAssignee({ id, assignee_id, visibility }: ConversationResponse): Promise<void> {
    if (assignee_id === null) return
    const member = await findHoldings(this.scope, this.tenant_id, assignee_id)
    const may_view = member?.is_active === true && holds(member.holdings, 'conversations:view')
    if (!may_view) throw unknownAssignee()
    if (visibility === 'members' && !(await this.isMember(id, assignee_id))) throw unknownAssignee()
  }

  private async isMember(id: string, user_id: string): Promise<boolean> {
    const rows = await this.scope.queries
      .select({ user_id: conversation_members.user_id })
      .from(conversation_members)
      .where(
        and(
          eq(conversation_members.tenant_id, this.tenant_id),
          eq(conversation_members.conversation_id, id),
          eq(conversation_members.user_id, user_id),
        ),
      )
    return rows.length > 0
  }

  private isThis(id: string) {
    return and(eq(conversations.tenant_id, this.tenant_id), eq(conversations.id, id))
  }

  /** A title can hold confidential text of members. The audit records that it changed, and not its text. */
  private recordChange({ id }: ConversationResponse, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'conversation', conversation_id: id, tenant_id: this.tenant_id, changes })
  }
}

/**
 * Reads a conversation as its reader sees it. Until the commit it locks out the removal of the reader, a change of visibility
 * and a close, so that the checks still hold when the write is committed.
 *
 * @param strength `key share` lets others write messages at the same time; `no key update` does not, for a writer that takes a
 * number of the conversation
 * @throws Problem `not_found`
 */
export async function holdVisible(
  scope: WriteScope,
  tenant_id: string,
  id: string,
  principal: TenantPrincipal,
  strength: 'key share' | 'no key update' = 'key share',
): Promise<ConversationResponse> {
  await scope.queries
    .select({ id: conversations.id })
    .from(conversations)
    .where(and(eq(conversations.tenant_id, tenant_id), eq(conversations.id, id)))
    .for(strength)
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

type OrderColumn = (typeof ORDER_COLUMNS)[Order]

interface SearchEnd {
  readonly id: string
  readonly at: string
}

function isUpTo(column: OrderColumn, { at, id }: SearchEnd): SQL {
  return sql`(${column}, ${conversations.id}) >= (${at}::timestamptz, ${id}::uuid)`
}

function isAfter(column: OrderColumn, { after }: OrderedPage): SQL | undefined {
  if (after === undefined) return undefined
  return sql`(${column}, ${conversations.id}) < (${instantOf(after.order)}::timestamptz, ${after.id}::uuid)`
}

/** The condition of an unread message: after the read marker, of another author, and not deleted. */
function unreadBy(reader: string): SQL<number> {
  return sql<number>`(select count(*)::int from (
    select from messages u
    where u.tenant_id = ${conversations.tenant_id} and u.conversation_id = ${conversations.id}
      and u.seq > coalesce(${read_markers.seq}, 0) and u.deleted_at is null
      and not (u.author_kind = 'user' and u.author_id = ${reader})
    limit ${sql.raw(String(UNREAD_MAX))}) unread)`
}

const unknownCustomer = (cause: unknown) => invalidField('/customer_id', 'must be a customer of this tenant', cause)

const unknownAssignee = (cause?: unknown) =>
  invalidField('/assignee_id', 'must be an active member of the tenant who may see this conversation', cause)

const CONSTRAINTS = { conversations_customer_fkey: unknownCustomer, conversations_assignee_fkey: unknownAssignee }

/** The caller is not a member, and would no longer see a conversation of members. */
const unseen = () =>
  invalidField('/visibility', 'must be tenant: you are not a member and could no longer see the conversation')
