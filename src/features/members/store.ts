import { and, count, desc, eq, sql } from 'drizzle-orm'
import { lockActor } from '../../kernel/authz/actor.js'
import { heldRoleNames } from '../../kernel/authz/membership.js'
import { withdrawUnbackedOffers } from '../../kernel/authz/unbacked-offers.js'
import { afterId, searchOf } from '../../kernel/database/search.js'
import {
  type MembershipState,
  membership_roles,
  memberships,
  overrides,
} from '../../kernel/identity/memberships-table.js'
import { type NamedRole, namedRoles } from '../../kernel/identity/named-roles.js'
import { revokeOpenInvitations } from '../../kernel/identity/revoke-open-invitations.js'
import { users } from '../../kernel/identity/users-table.js'
import { checkGrant, checkGrantedScopes, checkTouch, isOwner } from '../../kernel/permissions/escalation.js'
import type { ScopeCatalogue } from '../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../kernel/problems/problems.js'
import { pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { SearchedPage } from '../../kernel/rest/search.js'
import { actingUser } from '../../kernel/store/audit-record.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { checkOwnerStays } from './last-owner.js'

/** The maximum number of members of a tenant. */
const MEMBERS_MAX = 10_000

export interface MemberRecord {
  readonly user_id: string
  /** Null while the membership is pending: row-level security hides users who have not accepted. */
  readonly email: string | null
  readonly name: string | null
  readonly state: MembershipState
  readonly roles: string[]
  readonly created_at: string
}

export interface UpdateMemberInput {
  readonly roles?: readonly string[]
  readonly state?: 'active' | 'disabled'
}

export class MembersReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists members, by descending user id. */
  async list(page: SearchedPage): Promise<Rows<MemberRecord>> {
    const id = memberships.user_id
    const candidates = and(eq(memberships.tenant_id, this.tenant_id), afterId(id, page.after_id))
    const columns = [users.email, users.name]
    const { condition, searched_to } = await searchOf(this.scope.queries, page.search, { id, candidates, columns })
    const rows = await this.select()
      .where(and(candidates, condition))
      .orderBy(desc(id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit, searched_to)
  }

  /** @throws Problem `not_found` */
  async get(user_id: string): Promise<MemberRecord> {
    const [row] = await this.select().where(
      and(eq(memberships.tenant_id, this.tenant_id), eq(memberships.user_id, user_id)),
    )
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  /** Reads the id of a member by email. A tenant does not see the email of a pending member. */
  async idOf(email: string): Promise<string | undefined> {
    const [row] = await this.scope.queries
      .select({ id: users.id })
      .from(users)
      .innerJoin(memberships, eq(memberships.user_id, users.id))
      .where(and(eq(users.email, email), eq(memberships.tenant_id, this.tenant_id)))
    return row?.id
  }

  private select() {
    return this.scope.queries
      .select({
        user_id: memberships.user_id,
        email: users.email,
        name: users.name,
        state: memberships.state,
        roles: heldRoleNames,
        created_at: memberships.created_at,
      })
      .from(memberships)
      .leftJoin(users, eq(users.id, memberships.user_id))
      .$dynamic()
  }
}

export class MembersWriter extends MembersReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /**
   * Adds an existing user as a pending member. The user accepts or declines; see `OwnMembershipsWriter`.
   * @throws Problem `not_found`, `email_unverified`, `already_exists`, `privilege_escalation`, `limit_reached`
   */
  async add(wanted_id: string, role_names: readonly string[], catalogue: ScopeCatalogue): Promise<MemberRecord> {
    const actor = await lockActor(this.scope, this.tenant_id, ['users:manage'])
    const user_id = await this.findUser(wanted_id)
    const wanted = await namedRoles(this.scope, this.tenant_id, role_names)
    checkGrant(actor, wanted, catalogue)
    const [members] = await this.scope.queries
      .select({ count: count() })
      .from(memberships)
      .where(eq(memberships.tenant_id, this.tenant_id))
    if ((members?.count ?? 0) >= MEMBERS_MAX) {
      throw new Problem('limit_reached', { detail: `A tenant can have ${MEMBERS_MAX} members.` })
    }
    const added = await this.scope.queries
      .insert(memberships)
      .values({
        tenant_id: this.tenant_id,
        user_id,
        state: 'pending',
        created_at: this.scope.now,
        invited_by: actingUser(this.scope.actor),
      })
      .onConflictDoNothing()
      .returning({ user_id: memberships.user_id })
    if (added.length === 0) throw new Problem('already_exists', { members: { conflicting_field: 'user_id' } })
    await this.giveRoles(user_id, wanted)
    const record = await this.get(user_id)
    this.recordChange(record, { after: { state: record.state, roles: record.roles } })
    return record
  }

  /**
   * Updates the roles or the state of a member. It applies from the next request of the member.
   * @throws Problem `not_found`, `owner_required`, `privilege_escalation`, `last_owner`, `invalid_state`
   */
  async update(user_id: string, change: UpdateMemberInput, catalogue: ScopeCatalogue): Promise<MemberRecord> {
    const actor = await lockActor(this.scope, this.tenant_id, ['users:manage'])
    const before = await this.get(user_id)
    const held = await namedRoles(this.scope, this.tenant_id, before.roles)
    checkTouch(actor, held)
    if (change.state !== undefined && before.state === 'pending') {
      throw new Problem('invalid_state', { detail: 'The membership is pending. Only the invited user can accept it.' })
    }
    const wanted = change.roles === undefined ? held : await namedRoles(this.scope, this.tenant_id, change.roles)
    // Enabling a member grants all roles and overrides of the member again, so the actor must hold them.
    const is_let_in = before.state === 'disabled' && change.state === 'active'
    // A changed offer is the offer of this actor, who must be able to make all of it.
    const is_offer = before.state === 'pending'
    const is_whole = is_let_in || is_offer
    checkGrant(actor, is_whole ? wanted : wanted.filter((role) => !before.roles.includes(role.name)), catalogue)
    if (is_let_in) checkGrantedScopes(actor, await this.grantsOf(user_id))
    if (change.roles !== undefined) {
      await this.takeRoles(user_id)
      await this.giveRoles(user_id, wanted)
    }
    const is_this = and(eq(memberships.tenant_id, this.tenant_id), eq(memberships.user_id, user_id))
    if (change.state !== undefined) {
      await this.scope.queries.update(memberships).set({ state: change.state }).where(is_this)
    }
    if (is_offer) {
      await this.scope.queries
        .update(memberships)
        .set({ invited_by: actingUser(this.scope.actor) })
        .where(is_this)
    }
    if (isOwner(held) && !is_offer) await checkOwnerStays(this.scope, this.tenant_id)
    const after = await this.get(user_id)
    const revoked = await withdrawUnbackedOffers(this.scope, this.tenant_id)
    this.recordChange(after, {
      before: { state: before.state, roles: before.roles },
      after: { state: after.state, roles: after.roles },
      ...revoked,
    })
    return after
  }

  /**
   * Removes a member with roles and overrides. A member who leaves removes themselves, and needs no scope for it. The next
   * request of the user is refused. The open invitations that the member received or sent are revoked.
   * @throws Problem `not_found`, `owner_required`, `last_owner`
   */
  async remove(user_id: string): Promise<void> {
    const leaves = actingUser(this.scope.actor) === user_id
    const actor = await lockActor(this.scope, this.tenant_id, leaves ? [] : ['users:manage'])
    const before = await this.get(user_id)
    const held = await namedRoles(this.scope, this.tenant_id, before.roles)
    checkTouch(actor, held)
    await this.scope.queries
      .delete(memberships)
      .where(and(eq(memberships.tenant_id, this.tenant_id), eq(memberships.user_id, user_id)))
    if (isOwner(held) && before.state !== 'pending') await checkOwnerStays(this.scope, this.tenant_id)
    const received = await revokeOpenInvitations(this.scope, this.tenant_id, before.email ?? undefined)
    const revoked = await withdrawUnbackedOffers(this.scope, this.tenant_id, received)
    this.recordChange(before, { before: { state: before.state, roles: before.roles }, ...revoked })
  }

  private async findUser(user_id: string): Promise<string> {
    const rows = await this.scope.queries.execute<{ id: string; is_verified: boolean }>(
      sql`select * from find_user_by_id(${user_id}::uuid)`,
    )
    const [user] = rows as unknown as { id: string; is_verified: boolean }[]
    if (user === undefined)
      throw new Problem('not_found', {
        detail: 'No active user has this id. Send an invitation to somebody whose email you know.',
      })
    if (!user.is_verified) throw new Problem('email_unverified')
    return user.id
  }

  private async giveRoles(user_id: string, wanted: readonly NamedRole[]): Promise<void> {
    if (wanted.length === 0) return
    await this.scope.queries
      .insert(membership_roles)
      .values(wanted.map((role) => ({ tenant_id: this.tenant_id, user_id, role_id: role.id })))
  }

  private async grantsOf(user_id: string): Promise<string[]> {
    const rows = await this.scope.queries
      .select({ scope: overrides.scope })
      .from(overrides)
      .where(
        and(eq(overrides.tenant_id, this.tenant_id), eq(overrides.user_id, user_id), eq(overrides.effect, 'grant')),
      )
    return rows.map(({ scope }) => scope)
  }

  private async takeRoles(user_id: string): Promise<void> {
    await this.scope.queries
      .delete(membership_roles)
      .where(and(eq(membership_roles.tenant_id, this.tenant_id), eq(membership_roles.user_id, user_id)))
  }

  private recordChange({ user_id }: MemberRecord, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'member', user_id, tenant_id: this.tenant_id, changes })
  }
}
