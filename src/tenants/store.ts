import { eq } from 'drizzle-orm'
import { Problem } from '../http/problems.js'
import type { ReadScope } from '../storage/unit-of-work.js'
import { type TenantRow, tenants } from './table.js'

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
