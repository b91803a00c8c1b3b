import { and, eq } from 'drizzle-orm'
import type { ReadScope } from '../store/unit-of-work.js'
import { roles } from './roles-table.js'

/** Reads the id of the role Owner of a tenant. @throws Error if there is none: every tenant is made with its system roles */
export async function ownerRoleOf({ queries }: ReadScope, tenant_id: string): Promise<string> {
  const [role] = await queries
    .select({ id: roles.id })
    .from(roles)
    .where(and(eq(roles.tenant_id, tenant_id), eq(roles.system_role, 'owner')))
  if (role === undefined) throw new Error('a tenant has no role Owner')
  return role.id
}
