import { Problem } from '../problems/problems.js'
import { type Holdings, holds, rolesOf } from './evaluate.js'
import { givesEverything, type RoleFact, scopesOfRole } from './roles.js'
import type { ScopeCatalogue } from './scope-catalogue.js'

declare const IS_READ_UNDER_LOCK: unique symbol

/**
 * A principal who grants or revokes scopes. Their own holdings limit what they can grant. The holdings that allowed the
 * request are not enough, so only `src/kernel/authz/actor.ts` makes an actor: it reads them again under the lock.
 */
export type Actor = Holdings & { readonly [IS_READ_UNDER_LOCK]: true }

/** Whether a holder of these roles is an Owner. The code of the role decides, never its name. */
export function isOwner(roles: readonly RoleFact[]): boolean {
  return roles.some((role) => role.system_role === 'owner')
}

/** @throws Problem `owner_required` when a principal who is not an Owner changes an Owner */
export function checkTouch(actor: Actor, held: readonly RoleFact[]): void {
  if (isOwner(held) && !isOwner(rolesOf(actor))) throw new Problem('owner_required')
}

/**
 * Checks that a principal grants only what it holds. Owners and Admins also hold the scopes of later releases and of other
 * manifests. So only an Owner can make an Owner, and only an Owner or an Admin can make an Admin.
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

/** Whether a principal holds everything that these roles give. */
export function canGrant(actor: Actor, granted: readonly RoleFact[], catalogue: ScopeCatalogue): boolean {
  try {
    checkGrant(actor, granted, catalogue)
    return true
  } catch (error) {
    if (error instanceof Problem && error.code === 'privilege_escalation') return false
    throw error
  }
}

/** @throws Problem `privilege_escalation` if the list is not empty */
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
