import { and, eq, inArray } from 'drizzle-orm'
import type { RoleFact } from '../permissions/roles.js'
import { assertValid } from '../problems/validation.js'
import type { ReadScope } from '../store/unit-of-work.js'
import { roles } from './roles-table.js'

export type NamedRole = RoleFact & { readonly id: string }

/**
 * Reads roles of a tenant by their exact names, without case folding, decoding or trimming.
 * @throws Problem `validation_failed` with a pointer to each unknown name
 */
export async function namedRoles(scope: ReadScope, tenant_id: string, names: readonly string[]): Promise<NamedRole[]> {
  if (names.length === 0) return []
  const found = await scope.queries
    .select({ id: roles.id, name: roles.name, system_role: roles.system_role, scopes: roles.scopes })
    .from(roles)
    .where(and(eq(roles.tenant_id, tenant_id), inArray(roles.name, [...names])))
  const errors = names.flatMap((name, position) =>
    found.some((role) => role.name === name)
      ? []
      : [{ pointer: `/roles/${position}`, message: 'is not the name of a role of this tenant' }],
  )
  assertValid(errors)
  return found
}
