import { and, count, desc, eq, sql } from 'drizzle-orm'
import { userIdOf } from '../../../kernel/authz/principal.js'
import { afterId } from '../../../kernel/database/search.js'
import { memberships } from '../../../kernel/identity/memberships-table.js'
import { users } from '../../../kernel/identity/users-table.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { invalidField } from '../../../kernel/problems/validation.js'
import { type Page, pageOf, type Rows } from '../../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'
import type { Caller } from '../caller.js'
import { activeOwners, effectiveRole, requireRole } from '../effective-role.js'
import type { ConversationResponse } from '../schema.js'
import { ConversationsWriter } from '../store.js'
import { type ConversationRole, conversation_members, conversations, read_markers } from '../table.js'

/** The maximum number of members of a conversation. Each of them receives each message. */
export const CONVERSATION_MEMBERS_MAX = 500

export interface ConversationMemberRecord {
  readonly user_id: string
  readonly name: string
  readonly role: ConversationRole
  /** The seq of the last message that the member has read. */
  readonly read_seq: number
  readonly created_at: string
}

/** Reads the members of a conversation. The caller must check first that the conversation is visible. */
export class ConversationMembersReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists members, by descending user id. */
  async list(conversation_id: string, page: Page): Promise<Rows<ConversationMemberRecord>> {
    const rows = await this.select()
      .where(and(this.isOf(conversation_id), afterId(conversation_members.user_id, page.after_id)))
      .orderBy(desc(conversation_members.user_id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit)
  }

  /** @throws Problem `not_found` */
  async get(conversation_id: string, user_id: string): Promise<ConversationMemberRecord> {
    const [row] = await this.select().where(this.isThis(conversation_id, user_id))
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  protected isOf(conversation_id: string) {
    return and(
      eq(conversation_members.tenant_id, this.tenant_id),
      eq(conversation_members.conversation_id, conversation_id),
    )
  }

  protected isThis(conversation_id: string, user_id: string) {
    return and(this.isOf(conversation_id), eq(conversation_members.user_id, user_id))
  }

  private select() {
    return this.scope.queries
      .select({
        user_id: conversation_members.user_id,
        name: users.name,
        role: conversation_members.role,
        read_seq: sql<number>`coalesce(${read_markers.seq}, 0)`,
        created_at: conversation_members.created_at,
      })
      .from(conversation_members)
      .innerJoin(users, eq(users.id, conversation_members.user_id))
      .leftJoin(
        read_markers,
        and(
          eq(read_markers.tenant_id, conversation_members.tenant_id),
          eq(read_markers.conversation_id, conversation_members.conversation_id),
          eq(read_markers.user_id, conversation_members.user_id),
        ),
      )
      .$dynamic()
  }
}

/** Every change locks the conversation until the commit, so that two changes cannot each remove one of the last two owners. */
export class ConversationMembersWriter extends ConversationMembersReader {
  readonly #conversations: ConversationsWriter

  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
    this.#conversations = new ConversationsWriter(scope, tenant_id)
  }

  /** @throws Problem `not_found`, `conversation_role_required`, `validation_failed`, `already_exists`, `limit_reached` */
  async add(id: string, user_id: string, role: ConversationRole, caller: Caller): Promise<ConversationMemberRecord> {
    const { conversation, held, is_member } = await this.hold(id, user_id, caller)
    requireRole(held, role === 'owner' ? 'owner' : 'moderator')
    if (!is_member) throw invalidField('/user_id', 'must be an active member of this tenant')
    const [members] = await this.scope.queries
      .select({ count: count() })
      .from(conversation_members)
      .where(this.isOf(id))
    if ((members?.count ?? 0) >= CONVERSATION_MEMBERS_MAX) {
      throw new Problem('limit_reached', { detail: `A conversation can have ${CONVERSATION_MEMBERS_MAX} members.` })
    }
    const added = await this.scope.queries
      .insert(conversation_members)
      .values({ tenant_id: this.tenant_id, conversation_id: id, user_id, role, created_at: this.scope.now })
      .onConflictDoNothing()
      .returning({ user_id: conversation_members.user_id })
    if (added.length === 0) throw new Problem('already_exists', { members: { conflicting_field: 'user_id' } })
    const record = await this.get(id, user_id)
    this.recordChange(conversation, record, { after: { role } })
    return record
  }

  /** @throws Problem `not_found`, `conversation_role_required`, `last_owner` */
  async update(id: string, user_id: string, role: ConversationRole, caller: Caller): Promise<ConversationMemberRecord> {
    const { conversation, held } = await this.hold(id, user_id, caller)
    const before = await this.get(id, user_id)
    requireRole(held, before.role === 'owner' || role === 'owner' ? 'owner' : 'moderator')
    if (before.role === role) {
      this.scope.recordNoChange()
      return before
    }
    await this.checkOwnerStays(id, before)
    await this.scope.queries.update(conversation_members).set({ role }).where(this.isThis(id, user_id))
    this.recordChange(conversation, before, { before: { role: before.role }, after: { role } })
    return { ...before, role }
  }

  /**
   * Removes a member. A member who leaves removes themselves. It applies at once.
   * @throws Problem `not_found`, `conversation_role_required`, `last_owner`
   */
  async remove(id: string, user_id: string, caller: Caller): Promise<void> {
    const { conversation, held } = await this.hold(id, user_id, caller)
    const before = await this.get(id, user_id)
    const is_self = userIdOf(caller.principal) === before.user_id
    if (!is_self) requireRole(held, before.role === 'owner' ? 'owner' : 'moderator')
    await this.checkOwnerStays(id, before)
    await this.scope.queries.delete(conversation_members).where(this.isThis(id, user_id))
    if (conversation.visibility === 'members' && conversation.assignee_id === before.user_id) {
      await this.scope.queries
        .update(conversations)
        .set({ assignee_id: null, version: conversation.version + 1, updated_at: this.scope.now })
        .where(and(eq(conversations.tenant_id, this.tenant_id), eq(conversations.id, id)))
    }
    this.recordChange(conversation, before, { before: { role: before.role } })
  }

  /** Locks the membership and then the conversation, in the order of a removal from the tenant, which changes both. */
  private async hold(id: string, user_id: string, caller: Caller) {
    const is_member = await this.lockMembership(user_id)
    const conversation = await this.#conversations.hold(id, caller)
    return { conversation, held: await effectiveRole(this.scope, this.tenant_id, conversation, caller), is_member }
  }

  /** @throws Problem `last_owner` when no owner who can act would be left */
  private async checkOwnerStays(id: string, { user_id, role }: ConversationMemberRecord): Promise<void> {
    if (role !== 'owner') return
    const owners = await activeOwners(this.scope, this.tenant_id, id)
    if (owners.every((owner) => owner === user_id) && owners.length > 0) {
      throw new Problem('last_owner', { detail: 'The conversation would have no owner left who can act.' })
    }
  }

  /** Locks the membership of a user until the commit. Returns whether the user is an active member of the tenant. */
  private async lockMembership(user_id: string): Promise<boolean> {
    const is_this = and(eq(memberships.tenant_id, this.tenant_id), eq(memberships.user_id, user_id))
    const [membership] = await this.scope.queries
      .select({ state: memberships.state })
      .from(memberships)
      .where(is_this)
      .for('share')
    return membership?.state === 'active'
  }

  private recordChange(
    { id }: ConversationResponse,
    { user_id }: ConversationMemberRecord,
    changes: Record<string, unknown>,
  ): void {
    const member = { conversation_id: id, user_id }
    this.scope.recordChange({ kind: 'conversation_member', ...member, tenant_id: this.tenant_id, changes })
  }
}
