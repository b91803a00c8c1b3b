import { and, eq } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { findHoldings } from '../../kernel/authz/holdings.js'
import { isActiveMember } from '../../kernel/authz/membership.js'
import { userIdOf } from '../../kernel/authz/principal.js'
import { mapConstraint } from '../../kernel/database/errors.js'
import { memberships } from '../../kernel/identity/memberships-table.js'
import { users } from '../../kernel/identity/users-table.js'
import { holds } from '../../kernel/permissions/evaluate.js'
import { Problem } from '../../kernel/problems/problems.js'
import { invalidField } from '../../kernel/problems/validation.js'
import { assertIfMatch } from '../../kernel/rest/etag.js'
import type { WriteScope } from '../../kernel/store/unit-of-work.js'
import type { Caller } from './caller.js'
import { demand, type Standing, standingOf } from './effective-role.js'
import { ConversationsReader } from './reader.js'
import type { ConversationShown } from './shown.js'
import { type Channel, type ConversationStatus, conversation_members, conversations, type Visibility } from './table.js'

export interface ConversationWish {
  readonly title: string
  readonly customer_id?: string | null
  readonly assignee_id?: string | null
  readonly channel?: Channel
  readonly visibility?: Visibility
}

export interface ConversationChange extends Partial<Omit<ConversationWish, 'channel'>> {
  readonly status?: ConversationStatus
}

export class ConversationsWriter extends ConversationsReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /** Opens a conversation. A user who does becomes its owner. @throws Problem `validation_failed` for ids that name nobody */
  async create(wish: ConversationWish, { principal }: Caller): Promise<ConversationShown> {
    const { now } = this.scope
    const id = uuidv7()
    const { title, customer_id = null, assignee_id = null, channel = 'web', visibility = 'tenant' } = wish
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
    this.recordChange(id, { after: { customer_id, assignee_id, channel, visibility } })
    return conversation
  }

  /** @throws Problem `not_found`, `precondition_failed`, `conversation_role_required`, `validation_failed` */
  async update(
    id: string,
    change: ConversationChange,
    if_match: readonly number[] | undefined,
    caller: Caller,
  ): Promise<ConversationShown> {
    const before = await this.hold(id, caller)
    assertIfMatch(if_match, before.version)
    if (change.title !== undefined && change.title !== before.title) {
      demand(await this.standing(before, caller), 'moderator')
    }
    if (change.visibility !== undefined && change.visibility !== before.visibility) {
      demand(await this.standing(before, caller), 'owner')
      if (change.visibility === 'members' && before.my_role === null) throw unseen()
    }
    return this.set(before, change, caller)
  }

  /**
   * Hands the conversation to a member who may see it, or to nobody in particular.
   * @throws Problem `not_found`, `precondition_failed`, `conversation_closed`, `validation_failed`
   */
  async handOff(
    id: string,
    assignee_id: string | null,
    if_match: readonly number[] | undefined,
    caller: Caller,
  ): Promise<ConversationShown> {
    const before = await this.hold(id, caller)
    assertIfMatch(if_match, before.version)
    if (before.status === 'closed') throw new Problem('conversation_closed')
    return this.set(before, { assignee_id, status: 'handoff' }, caller)
  }

  /** Reads a conversation and holds it until the end, so that what was checked is what changes. @throws Problem `not_found` */
  async hold(id: string, { principal }: Caller): Promise<ConversationShown> {
    await this.scope.queries.select({ id: conversations.id }).from(conversations).where(this.isThis(id)).for('update')
    return this.visible(id, principal)
  }

  /** Where the caller stands; see `standingOf`. */
  async standing(conversation: ConversationShown, caller: Caller): Promise<Standing> {
    return standingOf(conversation, caller, (await this.owners(conversation.id)).length > 0)
  }

  /** The owners who can act. */
  async owners(id: string): Promise<string[]> {
    const rows = await this.scope.queries
      .select({ user_id: conversation_members.user_id })
      .from(conversation_members)
      .innerJoin(
        memberships,
        and(
          eq(memberships.tenant_id, conversation_members.tenant_id),
          eq(memberships.user_id, conversation_members.user_id),
        ),
      )
      .innerJoin(users, eq(users.id, conversation_members.user_id))
      .where(
        and(
          eq(conversation_members.tenant_id, this.tenant_id),
          eq(conversation_members.conversation_id, id),
          eq(conversation_members.role, 'owner'),
          isActiveMember,
        ),
      )
    return rows.map(({ user_id }) => user_id)
  }

  private async set(
    before: ConversationShown,
    change: ConversationChange,
    { principal }: Caller,
  ): Promise<ConversationShown> {
    const fields = (Object.keys(change) as (keyof ConversationChange)[]).filter(
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
    const pick = (from: ConversationShown) => Object.fromEntries(told.map((field) => [field, from[field]]))
    this.recordChange(before.id, { fields, before: pick(before), after: pick(after) })
    return after
  }

  /** Whoever answers must be able to see it: one refusal for all who cannot, so that it tells of nobody. */
  private async checkAssignee({ id, assignee_id, visibility }: ConversationShown): Promise<void> {
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

  /** A title is words of people, of whom some write for members alone: the audit says that it changed, and not what it says. */
  private recordChange(id: string, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'conversation', conversation_id: id, tenant_id: this.tenant_id, changes })
  }
}

const unknownCustomer = (cause: unknown) => invalidField('/customer_id', 'must be a customer of this tenant', cause)

const unknownAssignee = (cause?: unknown) =>
  invalidField('/assignee_id', 'must be an active member of the tenant who may see this conversation', cause)

const CONSTRAINTS = { conversations_customer_fkey: unknownCustomer, conversations_assignee_fkey: unknownAssignee }

/** The caller would make it a conversation of members, and would not see it. */
const unseen = () =>
  invalidField('/visibility', 'must be tenant: whoever asks is no member, and would not see it any more')
