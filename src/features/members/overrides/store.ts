import { and, eq } from 'drizzle-orm'
import { lockActor } from '../../../kernel/authz/actor.js'
import { revokeUnbackedInvitations } from '../../../kernel/authz/unbacked-invitations.js'
import { overrides } from '../../../kernel/identity/memberships-table.js'
import { namedRoles } from '../../../kernel/identity/named-roles.js'
import { type Actor, checkGrantedScopes, checkTouch, isOwner } from '../../../kernel/permissions/escalation.js'
import type { OverrideEffect } from '../../../kernel/permissions/evaluate.js'
import type { RoleFact } from '../../../kernel/permissions/roles.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'
import { checkOwnerStays, SCOPE_OF_OWNERS } from '../last-owner.js'
import { MembersReader } from '../store.js'

export interface SetOverrideInput {
  readonly scope: string
  readonly effect: OverrideEffect
  readonly reason: string
}

export interface OverrideRecord extends SetOverrideInput {
  readonly created_at: string
}

export class OverridesReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists the overrides of a member, by scope. */
  listOf(user_id: string): Promise<OverrideRecord[]> {
    return this.scope.queries
      .select({
        scope: overrides.scope,
        effect: overrides.effect,
        reason: overrides.reason,
        created_at: overrides.created_at,
      })
      .from(overrides)
      .where(and(eq(overrides.tenant_id, this.tenant_id), eq(overrides.user_id, user_id)))
      .orderBy(overrides.scope)
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
    const held = await this.touch(user_id, actor)
    if (input.effect === 'grant') checkGrantedScopes(actor, [input.scope])
    const before = await this.overrideOf(user_id, input.scope)
    const values = { effect: input.effect, reason: input.reason, created_at: this.scope.now }
    await this.scope.queries
      .insert(overrides)
      .values({ tenant_id: this.tenant_id, user_id, scope: input.scope, ...values })
      .onConflictDoUpdate({ target: [overrides.tenant_id, overrides.user_id, overrides.scope], set: values })
    if (input.effect === 'deny' && input.scope === SCOPE_OF_OWNERS && isOwner(held)) {
      await checkOwnerStays(this.scope, this.tenant_id)
    }
    const revoked = await revokeUnbackedInvitations(this.scope, this.tenant_id)
    this.scope.recordChange({
      kind: 'override',
      user_id,
      scope: input.scope,
      tenant_id: this.tenant_id,
      changes: { before: before ?? null, after: { effect: input.effect, reason: input.reason }, ...revoked },
    })
    return { scope: input.scope, ...values }
  }

  /**
   * Removes an override. Removing a deny grants the scope again, so the actor must hold the scope.
   * @throws Problem `not_found`, `owner_required`, `privilege_escalation`
   */
  async remove(user_id: string, scope: string): Promise<void> {
    const actor = await lockActor(this.scope, this.tenant_id, ['users:manage'])
    await this.touch(user_id, actor)
    const before = await this.overrideOf(user_id, scope)
    if (before === undefined) throw new Problem('not_found')
    if (before.effect === 'deny') checkGrantedScopes(actor, [scope])
    await this.scope.queries
      .delete(overrides)
      .where(and(eq(overrides.tenant_id, this.tenant_id), eq(overrides.user_id, user_id), eq(overrides.scope, scope)))
    const revoked = await revokeUnbackedInvitations(this.scope, this.tenant_id)
    this.scope.recordChange({
      kind: 'override',
      user_id,
      scope,
      tenant_id: this.tenant_id,
      changes: { before, ...revoked },
    })
  }

  /** Reads the roles of a member. @throws Problem `not_found`, `owner_required` when the actor may not change this member */
  private async touch(user_id: string, actor: Actor): Promise<readonly RoleFact[]> {
    const member = await new MembersReader(this.scope, this.tenant_id).get(user_id)
    const held = await namedRoles(this.scope, this.tenant_id, member.roles)
    checkTouch(actor, held)
    return held
  }

  private async overrideOf(user_id: string, scope: string) {
    const [row] = await this.scope.queries
      .select({ effect: overrides.effect, reason: overrides.reason })
      .from(overrides)
      .where(and(eq(overrides.tenant_id, this.tenant_id), eq(overrides.user_id, user_id), eq(overrides.scope, scope)))
    return row
  }
}
