import { and, eq } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { findHoldings } from '../../kernel/authz/holdings.js'
import { userIdOf } from '../../kernel/authz/principal.js'
import { mapConstraint } from '../../kernel/database/errors.js'
import { holds } from '../../kernel/permissions/evaluate.js'
import { Problem } from '../../kernel/problems/problems.js'
import { invalidField } from '../../kernel/problems/validation.js'
import { assertIfMatch } from '../../kernel/rest/etag.js'
import type { WriteScope } from '../../kernel/store/unit-of-work.js'
import type { Caller } from './caller.js'
import { effectiveRole, requireRole } from './effective-role.js'
import { ConversationsReader } from './reader.js'
import type { ConversationResponse } from './schema.js'
import { type Channel, type ConversationStatus, conversation_members, conversations, type Visibility } from './table.js'

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

const unknownCustomer = (cause: unknown) => invalidField('/customer_id', 'must be a customer of this tenant', cause)

const unknownAssignee = (cause?: unknown) =>
  invalidField('/assignee_id', 'must be an active member of the tenant who may see this conversation', cause)

const CONSTRAINTS = { conversations_customer_fkey: unknownCustomer, conversations_assignee_fkey: unknownAssignee }

/** The caller is not a member, and would no longer see a conversation of members. */
const unseen = () =>
  invalidField('/visibility', 'must be tenant: you are not a member and could no longer see the conversation')
