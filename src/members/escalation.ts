import { Problem } from '../http/problems.js'
import { type Holdings, wouldHold } from '../permissions/evaluate.js'
import { type RoleFact, scopesOfRole } from '../permissions/roles.js'

/** Somebody who gives or takes: what they hold decides what they may give. */
export type Actor = Holdings

/** Whether these roles make their holder an Owner. By the code of the role, never by its name. */
export function isOwner(roles: readonly RoleFact[]): boolean {
  return roles.some((role) => role.system_role === 'owner')
}

/** @throws Problem `owner_required` when somebody else than an Owner changes an Owner. */
export function checkTouch(actor: Actor, held: readonly RoleFact[]): void {
  if (isOwner(held) && !isActorOwner(actor)) throw new Problem('owner_required')
}

/**
 * Nobody grants what they do not hold. An Owner holds the scopes of later releases too, so only an Owner makes one.
 * @throws Problem `privilege_escalation` with `exceeding_scopes`
 */
export function checkGrant(actor: Actor, granted: readonly RoleFact[]): void {
  checkGrantedScopes(actor, granted.flatMap(scopesOfRole))
  if (isOwner(granted) && !isActorOwner(actor)) {
    throw new Problem('privilege_escalation', {
      detail: 'Only an Owner can make somebody an Owner.',
      members: {
        exceeding_scopes: [],
        exceeding_roles: granted.filter((role) => isOwner([role])).map((role) => role.name),
      },
    })
  }
}

/** @throws Problem `privilege_escalation` with `exceeding_scopes` */
export function checkGrantedScopes(actor: Actor, scopes: readonly string[]): void {
  const exceeding_scopes = [...new Set(scopes)].filter((scope) => !wouldHold(actor, scope))
  if (exceeding_scopes.length > 0) throw new Problem('privilege_escalation', { members: { exceeding_scopes } })
}

function isActorOwner(actor: Actor): boolean {
  return actor.kind === 'user' && isOwner(actor.roles)
}
