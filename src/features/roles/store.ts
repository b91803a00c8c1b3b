import { and, asc, count, desc, eq, gt } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { lockActor, previewActor } from '../../kernel/authz/actor.js'
import { type HeldRole, heldColumns } from '../../kernel/authz/membership.js'
import { withdrawUnbackedOffers } from '../../kernel/authz/unbacked-offers.js'
import { mapConstraint } from '../../kernel/database/errors.js'
import { membership_roles, memberships } from '../../kernel/identity/memberships-table.js'
import { type RoleRow, roles } from '../../kernel/identity/roles-table.js'
import { users } from '../../kernel/identity/users-table.js'
import { type Actor, checkGrantedScopes } from '../../kernel/permissions/escalation.js'
import type { Holdings, OverrideFact } from '../../kernel/permissions/evaluate.js'
import type { RoleFact } from '../../kernel/permissions/roles.js'
import { Problem } from '../../kernel/problems/problems.js'
import { assertIfMatch } from '../../kernel/rest/etag.js'
import { type Page, pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'

/** The maximum number of members that a preview examines. */
export const HOLDERS_MAX = 1_000
/** The maximum number of roles of a tenant. A decision reads all of them. */
const ROLES_MAX = 100

export interface RoleRecord extends RoleFact {
  readonly id: string
  readonly version: number
  readonly created_at: string
}

export interface CreateRoleInput {
  readonly name: string
  readonly scopes: readonly string[]
}

/** A member with a role, and with the other roles and the overrides that make up the scopes. */
export interface HolderRecord {
  readonly user_id: string
  readonly email: string
  readonly roles: HeldRole[]
  readonly overrides: OverrideFact[]
}

/** What a change of a role would do, before it is done. */
export interface RolePreview {
  readonly role_id: string
  /** The role after the change; undefined after a deletion. */
  readonly changed: RoleFact | undefined
  /** The newest members with the role. */
  readonly holders: readonly HolderRecord[]
}

export class RolesReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists roles of the tenant in the order of their creation. System roles are first. */
  async list(page: Page): Promise<Rows<RoleRecord>> {
    const after = page.after_id === undefined ? undefined : gt(roles.id, page.after_id)
    const rows = await this.scope.queries
      .select()
      .from(roles)
      .where(and(eq(roles.tenant_id, this.tenant_id), after))
      .orderBy(asc(roles.id))
      .limit(page.limit + 1)
    return pageOf(rows.map(roleRecord), page.limit)
  }

  /** Reads all roles of the tenant, for a decision that depends on each of them. */
  async all(): Promise<RoleRecord[]> {
    const rows = await this.scope.queries
      .select()
      .from(roles)
      .where(eq(roles.tenant_id, this.tenant_id))
      .orderBy(asc(roles.id))
      .limit(ROLES_MAX)
    return rows.map(roleRecord)
  }

  /** @throws Problem `not_found` */
  async get(id: string): Promise<RoleRecord> {
    const [row] = await this.scope.queries.select().from(roles).where(this.isThis(id))
    if (row === undefined) throw new Problem('not_found')
    return roleRecord(row)
  }

  /** Previews an update of a custom role. @throws Problem `not_found`, `system_role`, `privilege_escalation` */
  async previewUpdate(id: string, change: Partial<CreateRoleInput>, holdings: Holdings): Promise<RolePreview> {
    const before = await this.custom(id)
    const changed = updated(before, change, previewActor(holdings))
    return { role_id: before.id, changed, holders: await this.holdersOf(id) }
  }

  /** Previews the deletion of a custom role. @throws Problem `not_found`, `system_role` */
  async previewDeletion(id: string): Promise<RolePreview> {
    const before = await this.custom(id)
    return { role_id: before.id, changed: undefined, holders: await this.holdersOf(id) }
  }

  /** @throws Problem `not_found`, `system_role` */
  protected async custom(id: string): Promise<RoleRecord> {
    const role = await this.get(id)
    if (role.system_role !== null) throw new Problem('system_role')
    return role
  }

  protected isThis(id: string) {
    return and(eq(roles.tenant_id, this.tenant_id), eq(roles.id, id))
  }

  /** Reads the newest active members with the role. */
  private holdersOf(id: string): Promise<HolderRecord[]> {
    return this.scope.queries
      .select({
        user_id: memberships.user_id,
        email: users.email,
        ...heldColumns,
      })
      .from(membership_roles)
      .innerJoin(
        memberships,
        and(eq(memberships.tenant_id, membership_roles.tenant_id), eq(memberships.user_id, membership_roles.user_id)),
      )
      .innerJoin(users, eq(users.id, memberships.user_id))
      .where(
        and(
          eq(membership_roles.tenant_id, this.tenant_id),
          eq(membership_roles.role_id, id),
          eq(memberships.state, 'active'),
        ),
      )
      .orderBy(desc(memberships.user_id))
      .limit(HOLDERS_MAX)
  }
}

export class RolesWriter extends RolesReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /** @throws Problem `privilege_escalation`, `already_exists`, `limit_reached` */
  async create(input: CreateRoleInput): Promise<RoleRecord> {
    const actor = await lockActor(this.scope, this.tenant_id, ['users:manage'])
    checkGrantedScopes(actor, input.scopes)
    const [existing] = await this.scope.queries
      .select({ count: count() })
      .from(roles)
      .where(eq(roles.tenant_id, this.tenant_id))
    if ((existing?.count ?? 0) >= ROLES_MAX) {
      throw new Problem('limit_reached', { detail: `A tenant can have ${ROLES_MAX} roles.` })
    }
    const values = { tenant_id: this.tenant_id, id: uuidv7(), created_at: this.scope.now }
    const [row] = await mapConstraint(CONSTRAINTS, () =>
      this.scope.queries
        .insert(roles)
        .values({ ...values, name: input.name, scopes: [...input.scopes] })
        .returning(),
    )
    const record = roleRecord(row as RoleRow)
    this.recordChange(record, { after: { name: record.name, scopes: record.scopes } })
    return record
  }

  /**
   * Updates a custom role. It applies from the next request of every member with the role. The actor can add only scopes
   * that the actor holds.
   *
   * @throws Problem `not_found`, `system_role`, `precondition_failed`, `privilege_escalation`, `already_exists`
   */
  async update(
    id: string,
    change: Partial<CreateRoleInput>,
    if_match: readonly number[] | undefined,
  ): Promise<RoleRecord> {
    const actor = await lockActor(this.scope, this.tenant_id, ['users:manage'])
    const before = await this.custom(id)
    assertIfMatch(if_match, before.version)
    const { name, scopes } = updated(before, change, actor)
    const [row] = await mapConstraint(CONSTRAINTS, () =>
      this.scope.queries
        .update(roles)
        .set({ name, scopes: [...scopes], version: before.version + 1 })
        .where(this.isThis(id))
        .returning(),
    )
    const after = roleRecord(row as RoleRow)
    const revoked = await withdrawUnbackedOffers(this.scope, this.tenant_id)
    this.recordChange(after, {
      before: { name: before.name, scopes: before.scopes },
      after: { name: after.name, scopes: after.scopes },
      ...revoked,
    })
    return after
  }

  /** Deletes a custom role and removes it from every member. @throws Problem `not_found`, `system_role`, `precondition_failed` */
  async delete(id: string, if_match: readonly number[] | undefined): Promise<void> {
    await lockActor(this.scope, this.tenant_id, ['users:manage'])
    const before = await this.custom(id)
    assertIfMatch(if_match, before.version)
    await this.scope.queries.delete(roles).where(this.isThis(id))
    const revoked = await withdrawUnbackedOffers(this.scope, this.tenant_id)
    this.recordChange(before, { before: { name: before.name, scopes: before.scopes }, ...revoked })
  }

  private recordChange({ id }: RoleRecord, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'role', id, tenant_id: this.tenant_id, changes })
  }
}

/** The role after an update. @throws Problem `privilege_escalation` if it adds scopes that the actor does not hold */
function updated(before: RoleRecord, change: Partial<CreateRoleInput>, actor: Actor): RoleRecord {
  const after = { ...before, name: change.name ?? before.name, scopes: change.scopes ?? before.scopes }
  checkGrantedScopes(
    actor,
    after.scopes.filter((scope) => !before.scopes.includes(scope)),
  )
  return after
}

function roleRecord({ id, name, system_role, scopes, version, created_at }: RoleRow): RoleRecord {
  return { id, name, system_role, scopes, version, created_at }
}

const CONSTRAINTS = {
  roles_name_key: (cause: unknown) =>
    new Problem('already_exists', {
      detail: 'Another role of this tenant has the same name, ignoring case.',
      members: { conflicting_field: 'name' },
      cause,
    }),
}
