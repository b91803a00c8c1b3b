import { and, count, desc, eq, exists, isNull, sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { lockOperator, lockSelf } from '../../kernel/authz/actor.js'
import { isAccepted } from '../../kernel/authz/membership.js'
import { isActiveTenant } from '../../kernel/authz/suspension.js'
import { afterId, searchOf } from '../../kernel/database/search.js'
import { type CreateKeyInput, insertKey } from '../../kernel/identity/insert-key.js'
import { membership_roles, memberships } from '../../kernel/identity/memberships-table.js'
import { roles } from '../../kernel/identity/roles-table.js'
import { type TenantRow, tenants } from '../../kernel/identity/tenants-table.js'
import { users } from '../../kernel/identity/users-table.js'
import { checkVerifiedUser } from '../../kernel/identity/verified-user.js'
import { ALL_SYSTEM_ROLES, SYSTEM_ROLES } from '../../kernel/permissions/roles.js'
import { Problem } from '../../kernel/problems/problems.js'
import { pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { SearchedPage } from '../../kernel/rest/search.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'

/** Tenants that one user may have made; operators make as many as they like. */
const OWN_TENANTS_MAX = 20

export interface CreateTenantInput {
  readonly name: string
  readonly owner_id: string
  readonly allowed_origins?: readonly string[]
  readonly requests_per_minute?: number
  readonly trial_ends_at?: string
}

/** Reads tenants of the platform for a caller that is bound to none of them. */
export class TenantsReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Tenants that a user is an active member of, newest first. */
  async listOf(user_id: string, page: SearchedPage): Promise<Rows<TenantRow>> {
    const member = this.scope.queries
      .select({ user_id: memberships.user_id })
      .from(memberships)
      .where(
        and(eq(memberships.tenant_id, tenants.id), eq(memberships.user_id, user_id), eq(memberships.state, 'active')),
      )
    const { id, name } = tenants
    const candidates = and(isNull(tenants.deleted_at), afterId(id, page.after_id), exists(member))
    const list = { id, candidates, columns: [name] }
    const { condition, searched_to } = await searchOf(this.scope.queries, page.search, list)
    const rows = await this.scope.queries
      .select()
      .from(tenants)
      .where(and(candidates, condition))
      .orderBy(desc(id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit, searched_to)
  }

  /** Whether an active tenant lists the origin. */
  async isOriginListed(origin: string): Promise<boolean> {
    const rows = await this.scope.queries
      .select({ id: tenants.id })
      .from(tenants)
      .where(and(sql`${tenants.allowed_origins} @> array[${origin}]::text[]`, isActiveTenant(this.scope.now)))
      .limit(1)
    return rows.length > 0
  }
}

export class TenantsWriter extends TenantsReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /**
   * Makes a tenant of the acting user, with its system roles, and a first key if one is given.
   * @throws Problem `email_unverified`
   */
  async create(
    input: CreateTenantInput,
    first_key?: CreateKeyInput,
  ): Promise<{ tenant: TenantRow; key: string | undefined }> {
    await lockSelf(this.scope, input.owner_id)
    const made = await this.insertTenant(input, 'active')
    const key = first_key && (await insertKey(this.scope, made.id, first_key))
    this.recordChange(made, {
      after: { name: made.name, owner_id: input.owner_id, first_key_id: key?.record.id ?? null },
    })
    return { tenant: made, key: key?.key }
  }

  /**
   * Makes a tenant for a user, who becomes its Owner when they accept the membership. Nobody else can use the tenant before.
   * @throws Problem `not_found`, `email_unverified`
   */
  async createFor(input: CreateTenantInput): Promise<TenantRow> {
    await lockOperator(this.scope, ['platform:tenants:manage'])
    const made = await this.insertTenant(input, 'pending')
    this.recordChange(made, { after: { name: made.name, pending_owner_id: input.owner_id } })
    return made
  }

  private async insertTenant(input: CreateTenantInput, owner: 'active' | 'pending'): Promise<TenantRow> {
    await checkVerifiedUser(this.scope, input.owner_id)
    const [tenant] = await this.scope.queries
      .insert(tenants)
      .values({
        id: uuidv7(),
        name: input.name,
        allowed_origins: [...(input.allowed_origins ?? [])],
        requests_per_minute: input.requests_per_minute ?? null,
        trial_ends_at: input.trial_ends_at ?? null,
        created_at: this.scope.now,
      })
      .returning()
    const made = tenant as TenantRow
    await this.appointOwner(made.id, input.owner_id, owner)
    return made
  }

  /**
   * Counts what the user owns. A pending membership does not count, because others can offer any number of them.
   * @throws Problem `limit_reached` for as many tenants as one may make
   */
  async checkMayCreate(user_id: string): Promise<void> {
    await this.scope.queries.select({ id: users.id }).from(users).where(eq(users.id, user_id)).for('update')
    const [held] = await this.scope.queries
      .select({ count: count() })
      .from(memberships)
      .innerJoin(tenants, eq(tenants.id, memberships.tenant_id))
      .innerJoin(
        membership_roles,
        and(eq(membership_roles.tenant_id, memberships.tenant_id), eq(membership_roles.user_id, memberships.user_id)),
      )
      .innerJoin(roles, and(eq(roles.tenant_id, membership_roles.tenant_id), eq(roles.id, membership_roles.role_id)))
      .where(
        and(eq(memberships.user_id, user_id), isAccepted, eq(roles.system_role, 'owner'), isNull(tenants.deleted_at)),
      )
    if ((held?.count ?? 0) >= OWN_TENANTS_MAX) {
      throw new Problem('limit_reached', {
        detail: `A user who owns ${OWN_TENANTS_MAX} tenants cannot make another; an operator can.`,
      })
    }
  }

  private async appointOwner(tenant_id: string, user_id: string, state: 'active' | 'pending'): Promise<void> {
    const created_at = this.scope.now
    const made = ALL_SYSTEM_ROLES.map((system_role) => ({
      tenant_id,
      id: uuidv7(),
      name: SYSTEM_ROLES[system_role].name,
      system_role,
      created_at,
    }))
    await this.scope.queries.insert(roles).values(made)
    await this.scope.queries.insert(memberships).values({
      tenant_id,
      user_id,
      state,
      created_at,
      accepted_at: state === 'active' ? created_at : null,
    })
    const owner = made.find((role) => role.system_role === 'owner') as (typeof made)[number]
    await this.scope.queries.insert(membership_roles).values({ tenant_id, user_id, role_id: owner.id })
  }

  private recordChange({ id }: TenantRow, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'tenant', tenant_id: id, changes })
  }
}
