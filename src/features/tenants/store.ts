import { eq } from 'drizzle-orm'
import { type TenantRow, tenants } from '../../kernel/identity/tenants-table.js'
import { Problem } from '../../kernel/problems/problems.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'

export class TenantReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** The tenant itself. */
  async get(): Promise<TenantRow> {
    const [row] = await this.scope.queries.select().from(tenants).where(eq(tenants.id, this.tenant_id))
    if (row === undefined) throw new Problem('not_found')
    return row
  }
}

export interface SettingsChange {
  readonly name?: string
  readonly allowed_origins?: readonly string[]
}

export class TenantWriter extends TenantReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /** Changes what the tenant may change of itself; plan and suspension are the operator's. */
  async update(change: SettingsChange): Promise<TenantRow> {
    const before = await this.get()
    await this.scope.queries
      .update(tenants)
      .set({ name: change.name, allowed_origins: change.allowed_origins && [...change.allowed_origins] })
      .where(eq(tenants.id, this.tenant_id))
    const after = await this.get()
    const shown = ({ name, allowed_origins }: TenantRow) => ({ name, allowed_origins })
    this.tell({ before: shown(before), after: shown(after) })
    return after
  }

  /** Ends the tenant: from the next request on none of its keys and memberships is found. Its rows stay for the audit. */
  async delete(): Promise<void> {
    await this.scope.queries.update(tenants).set({ deleted_at: this.scope.now }).where(eq(tenants.id, this.tenant_id))
    this.tell({ after: { deleted_at: this.scope.now } })
  }

  private tell(changes: Record<string, unknown>): void {
    this.scope.changed({ kind: 'tenant', tenant_id: this.tenant_id, changes })
  }
}
