import { Problem } from '../problems/problems.js'
import { type Holdings, holds, rolesOf } from './evaluate.js'
import { givesEverything, type RoleFact, scopesOfRole } from './roles.js'
import type { ScopeCatalogue } from './scope-catalogue.js'

/** Somebody who gives or takes: what they hold decides what they may give. */
export type Actor = Holdings

/** Whether these roles make their holder an Owner. By the code of the role, never by its name. */
export function isOwner(roles: readonly RoleFact[]): boolean {
  return roles.some((role) => role.system_role === 'owner')
}

/** @throws Problem `owner_required` when somebody else than an Owner changes an Owner. */
export function checkTouch(actor: Actor, held: readonly RoleFact[]): void {
  if (isOwner(held) && !isOwner(rolesOf(actor))) throw new Problem('owner_required')
}

/**
 * Nobody grants what they do not hold. Owners and Admins hold the scopes of later releases and of other manifests too, so
 * only an Owner makes an Owner, and only one of the two an Admin.
 * @throws Problem `privilege_escalation` with `exceeding_scopes`
 */
export function checkGrant(actor: Actor, granted: readonly RoleFact[], catalogue: ScopeCatalogue): void {
  checkGrantedScopes(
    actor,
    granted.flatMap((role) => scopesOfRole(role, catalogue)),
  )
  const roles = rolesOf(actor)
  if (!isOwner(roles)) {
    const owners = granted.filter((role) => isOwner([role]))
    refuse(owners, 'Only an Owner can make somebody an Owner.')
  }
  if (!roles.some(givesEverything)) {
    const detail = 'Only an Owner or an Admin can give a role that holds every scope, those of later releases too.'
    refuse(granted.filter(givesEverything), detail)
  }
}

/** @throws Problem `privilege_escalation` when there are any */
function refuse(exceeding: readonly RoleFact[], detail: string): void {
  if (exceeding.length === 0) return
  const members = { exceeding_scopes: [], exceeding_roles: exceeding.map((role) => role.name) }
  throw new Problem('privilege_escalation', { detail, members })
}

/** @throws Problem `privilege_escalation` with `exceeding_scopes` */
export function checkGrantedScopes(actor: Actor, scopes: readonly string[]): void {
  const exceeding_scopes = [...new Set(scopes)].filter((scope) => !holds(actor, scope))
  if (exceeding_scopes.length > 0) throw new Problem('privilege_escalation', { members: { exceeding_scopes } })
}
