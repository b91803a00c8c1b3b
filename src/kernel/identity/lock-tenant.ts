import { eq } from 'drizzle-orm'
import type { WriteScope } from '../store/unit-of-work.js'
import { tenants } from './tenants-table.js'

/**
 * Makes the writers of one tenant queue until the end of the transaction: for rules about many rows at once (the last
 * Owner, how many keys), which two transactions could otherwise both find kept.
 */
export async function lockTenant(scope: WriteScope, tenant_id: string): Promise<void> {
  await scope.queries.select({ id: tenants.id }).from(tenants).where(eq(tenants.id, tenant_id)).for('update')
}
