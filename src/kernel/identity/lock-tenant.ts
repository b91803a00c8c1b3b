import { eq } from 'drizzle-orm'
import type { WriteScope } from '../store/unit-of-work.js'
import { tenants } from './tenants-table.js'

/**
 * Locks a tenant until the end of the transaction, so that its writers wait for each other. It is for rules about many rows,
 * such as the last Owner or the number of keys: without it, two transactions could each pass the check and break the rule.
 */
export async function lockTenant(scope: WriteScope, tenant_id: string): Promise<void> {
  await scope.queries.select({ id: tenants.id }).from(tenants).where(eq(tenants.id, tenant_id)).for('update')
}
