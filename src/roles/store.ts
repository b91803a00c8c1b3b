import { asc, eq } from 'drizzle-orm'
import type { RoleFact } from '../permissions/roles.js'
import type { ReadScope } from '../storage/unit-of-work.js'
import { roles } from './table.js'

/** A tenant has at most this many roles, so a list of them needs no pages. */
export const ROLES_MAX = 100

export class RolesReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Every role of the tenant, in the order in which they were made: system roles first. */
  list(): Promise<(RoleFact & { id: string })[]> {
    return this.scope.queries
      .select({ id: roles.id, name: roles.name, system_role: roles.system_role, scopes: roles.scopes })
      .from(roles)
      .where(eq(roles.tenant_id, this.tenant_id))
      .orderBy(asc(roles.id))
      .limit(ROLES_MAX)
  }
}
