import type { Privilege, Scope } from '../../contract/scopes.js'
import { evaluate, type Holdings } from '../permissions/evaluate.js'
import { type RoleFact, rolesThatGrant } from '../permissions/roles.js'
import type { ScopeCatalogue } from '../permissions/scope-catalogue.js'
import { insufficientPrivilege, insufficientScope } from './insufficient-scope.js'

/**
 * Checks a scope that only some requests of a route require, with the refusal of the table.
 *
 * @param roles reads the roles of the tenant, for the refusal
 * @throws Problem `insufficient_scope`
 */
export async function checkScopeAlso(
  scope: Scope,
  holdings: Holdings,
  catalogue: ScopeCatalogue,
  roles: () => Promise<readonly RoleFact[]>,
): Promise<void> {
  const decision = evaluate([scope], holdings, catalogue)
  if (!decision.allowed) throw insufficientScope(decision, rolesThatGrant(await roles(), decision.missing, catalogue))
}

/** Checks a privilege that only some requests of a route require. @throws Problem `platform_access_denied` */
export function checkPrivilegeAlso(privilege: Privilege, holdings: Holdings, catalogue: ScopeCatalogue): void {
  const decision = evaluate([privilege], holdings, catalogue)
  if (!decision.allowed) throw insufficientPrivilege(decision)
}
