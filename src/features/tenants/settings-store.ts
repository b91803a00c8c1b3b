import { eq } from 'drizzle-orm'
import { lockActor } from '../../kernel/authz/actor.js'
import { type TenantRow, tenants } from '../../kernel/identity/tenants-table.js'
import { isOwner } from '../../kernel/permissions/escalation.js'
import { rolesOf } from '../../kernel/permissions/evaluate.js'
import { Problem } from '../../kernel/problems/problems.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { retentionOf } from './schema.js'

/** The tenant that the caller is bound to. */
export class TenantReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Reads the tenant. */
  async get(): Promise<TenantRow> {
    const [row] = await this.scope.queries.select().from(tenants).where(eq(tenants.id, this.tenant_id))
    if (row === undefined) throw new Problem('not_found')
    return row
  }
}

export interface UpdateSettingsInput {
  readonly name?: string
  readonly allowed_origins?: readonly string[]
  readonly retention?: {
    readonly messages_days?: number | null
    readonly data_audit_days?: number | null
    readonly usage_days?: number | null
  }
}

export class TenantWriter extends TenantReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /** Updates the settings that members may change. Only operators change the plan and suspend the tenant. */
  async update({ name, allowed_origins, retention }: UpdateSettingsInput): Promise<TenantRow> {
    await lockActor(this.scope, this.tenant_id, ['settings:manage'])
    const before = await this.get()
    await this.scope.queries
      .update(tenants)
      .set({
        name,
        allowed_origins: allowed_origins && [...allowed_origins],
        retention_messages_days: retention?.messages_days,
        retention_data_audit_days: retention?.data_audit_days,
        retention_usage_days: retention?.usage_days,
      })
      .where(eq(tenants.id, this.tenant_id))
    const after = await this.get()
    const audited = (row: TenantRow) => ({
      name: row.name,
      allowed_origins: row.allowed_origins,
      retention: retentionOf(row),
    })
    this.recordChange(after, { before: audited(before), after: audited(after) })
    return after
  }

  /**
   * Deletes the tenant: from the next request on, its keys and memberships do not work. Its rows stay for the audit.
   * @throws Problem `owner_required`
   */
  async delete(): Promise<void> {
    const actor = await lockActor(this.scope, this.tenant_id, [])
    if (!isOwner(rolesOf(actor))) {
      throw new Problem('owner_required', { detail: 'Only an Owner can delete the tenant.' })
    }
    const [after] = await this.scope.queries
      .update(tenants)
      .set({ deleted_at: this.scope.now })
      .where(eq(tenants.id, this.tenant_id))
      .returning()
    this.recordChange(after as TenantRow, { after: { deleted_at: this.scope.now } })
  }

  private recordChange({ id }: TenantRow, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'tenant', tenant_id: id, changes })
  }
}
