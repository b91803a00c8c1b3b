import { and, eq, gt } from 'drizzle-orm'
import { lockActor } from '../../../kernel/authz/actor.js'
import { withdrawUnbackedOffers } from '../../../kernel/authz/unbacked-offers.js'
import { overrides } from '../../../kernel/identity/memberships-table.js'
import { namedRoles } from '../../../kernel/identity/named-roles.js'
import { type Actor, checkGrantedScopes, checkTouch, isOwner } from '../../../kernel/permissions/escalation.js'
import type { OverrideEffect } from '../../../kernel/permissions/evaluate.js'
import type { RoleFact } from '../../../kernel/permissions/roles.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { type Page, pageOf, type Rows } from '../../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'
import { checkOwnerStays, SCOPE_OF_OWNERS } from '../last-owner.js'
import { type MemberRecord, MembersReader } from '../store.js'

export interface SetOverrideInput {
  readonly scope: string
  readonly effect: OverrideEffect
  readonly reason: string
}

type OverrideName = Pick<SetOverrideInput, 'scope'>

export interface OverrideRecord extends SetOverrideInput {
  readonly created_at: string
}

export class OverridesReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists overrides of a member, by scope. */
  async listOf(user_id: string, page: Page): Promise<Rows<OverrideRecord>> {
    const after = page.after_id === undefined ? undefined : gt(overrides.scope, page.after_id)
    const rows = await this.scope.queries
      .select({
        scope: overrides.scope,
        effect: overrides.effect,
        reason: overrides.reason,
        created_at: overrides.created_at,
      })
      .from(overrides)
      .where(and(eq(overrides.tenant_id, this.tenant_id), eq(overrides.user_id, user_id), after))
      .orderBy(overrides.scope)
      .limit(page.limit + 1)
    return pageOf(rows, page.limit)
  }
}

export class OverridesWriter extends OverridesReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /**
   * Grants or denies a scope on a membership. A deny beats every role and every grant, also those of an Owner.
   * @throws Problem `not_found`, `owner_required`, `privilege_escalation`, `last_owner`
   */
  async set(user_id: string, input: SetOverrideInput): Promise<OverrideRecord> {
    const actor = await lockActor(this.scope, this.tenant_id, ['users:manage'])
    const { member, held } = await this.touch(user_id, actor)
    if (input.effect === 'grant') checkGrantedScopes(actor, [input.scope])
    const before = await this.overrideOf(user_id, input.scope)
    const values = { effect: input.effect, reason: input.reason, created_at: this.scope.now }
    const [after] = await this.scope.queries
      .insert(overrides)
      .values({ tenant_id: this.tenant_id, user_id, scope: input.scope, ...values })
      .onConflictDoUpdate({ target: [overrides.tenant_id, overrides.user_id, overrides.scope], set: values })
      .returning({ scope: overrides.scope })
    if (input.effect === 'deny' && input.scope === SCOPE_OF_OWNERS && isOwner(held)) {
      await checkOwnerStays(this.scope, this.tenant_id)
    }
    const revoked = await withdrawUnbackedOffers(this.scope, this.tenant_id)
    this.recordChange(member, after as OverrideName, {
      before: before === undefined ? null : { effect: before.effect, reason: before.reason },
      after: { effect: input.effect, reason: input.reason },
      ...revoked,
    })
    return { scope: input.scope, ...values }
  }

  /**
   * Removes an override. Removing a deny grants the scope again, so the actor must hold the scope.
   * @throws Problem `not_found`, `owner_required`, `privilege_escalation`
   */
  async remove(user_id: string, scope: string): Promise<void> {
    const actor = await lockActor(this.scope, this.tenant_id, ['users:manage'])
    const { member } = await this.touch(user_id, actor)
    const before = await this.overrideOf(user_id, scope)
    if (before === undefined) throw new Problem('not_found')
    if (before.effect === 'deny') checkGrantedScopes(actor, [scope])
    await this.scope.queries
      .delete(overrides)
      .where(and(eq(overrides.tenant_id, this.tenant_id), eq(overrides.user_id, user_id), eq(overrides.scope, scope)))
    const { effect, reason } = before
    const revoked = await withdrawUnbackedOffers(this.scope, this.tenant_id)
    this.recordChange(member, before, { before: { effect, reason }, ...revoked })
  }

  /** Reads the roles of a member. @throws Problem `not_found`, `owner_required` when the actor may not change this member */
  private async touch(user_id: string, actor: Actor): Promise<{ member: MemberRecord; held: readonly RoleFact[] }> {
    const member = await new MembersReader(this.scope, this.tenant_id).get(user_id)
    const held = await namedRoles(this.scope, this.tenant_id, member.roles)
    checkTouch(actor, held)
    return { member, held }
  }

  private recordChange({ user_id }: MemberRecord, { scope }: OverrideName, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'override', user_id, scope, tenant_id: this.tenant_id, changes })
  }

  private async overrideOf(user_id: string, scope: string) {
    const [row] = await this.scope.queries
      .select({ scope: overrides.scope, effect: overrides.effect, reason: overrides.reason })
      .from(overrides)
      .where(and(eq(overrides.tenant_id, this.tenant_id), eq(overrides.user_id, user_id), eq(overrides.scope, scope)))
    return row
  }
}
