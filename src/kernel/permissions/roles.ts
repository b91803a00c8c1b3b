import type { Scope } from '../../contract/scopes.js'
import type { ScopeCatalogue } from './scope-catalogue.js'

/** What only these two roles give: every scope, those of upstreams and of later releases too. */
const EVERY = 'every'

/**
 * The roles that every tenant has and nobody can change.
 *
 * Their scopes stand here and not in the rows of the tenant, so that an Owner holds the scopes of a later release from
 * its first request on. A row of the tenant only says which of these it is.
 */
export const SYSTEM_ROLES = {
  owner: { name: 'Owner', scopes: EVERY },
  admin: { name: 'Admin', scopes: EVERY },
  support_lead: {
    name: 'Support Lead',
    scopes: [
      'conversations:view',
      'conversations:edit',
      'conversations:reply',
      'conversations:moderate',
      'handoff:perform',
      'customers:edit',
      'agents:view',
    ],
  },
  agent: { name: 'Agent', scopes: ['conversations:view', 'conversations:reply', 'customers:edit'] },
  analyst: { name: 'Analyst', scopes: ['analytics:view', 'audit:view'] },
} as const satisfies Record<string, { name: string; scopes: readonly Scope[] | typeof EVERY }>

export type SystemRole = keyof typeof SYSTEM_ROLES

export const ALL_SYSTEM_ROLES = Object.keys(SYSTEM_ROLES) as SystemRole[]

/** A role as its row says it: a system role by its code, a custom role by its scopes. */
export interface RoleFact {
  readonly name: string
  readonly system_role: SystemRole | null
  readonly scopes: readonly string[]
}

/** The scopes that a role gives. Some of those of a custom role may not be in the catalogue. */
export function scopesOfRole(role: RoleFact, catalogue: ScopeCatalogue): readonly string[] {
  const scopes = role.system_role === null ? role.scopes : SYSTEM_ROLES[role.system_role].scopes
  return scopes === EVERY ? catalogue.names : scopes
}

/** Whether a role gives a scope, whether or not the scope exists now. */
export function roleGives(role: RoleFact, scope: string): boolean {
  const scopes: readonly string[] | typeof EVERY =
    role.system_role === null ? role.scopes : SYSTEM_ROLES[role.system_role].scopes
  return scopes === EVERY || scopes.includes(scope)
}

/** Whether a role gives every scope, those of upstreams and of later releases too. */
export function givesEverything({ system_role }: RoleFact): boolean {
  return system_role !== null && SYSTEM_ROLES[system_role].scopes === EVERY
}

/** The names of the roles that give every one of these scopes. */
export function rolesThatGrant(
  roles: readonly RoleFact[],
  scopes: readonly string[],
  catalogue: ScopeCatalogue,
): string[] {
  return roles
    .filter((role) => scopes.every((scope) => scopesOfRole(role, catalogue).includes(scope)))
    .map((role) => role.name)
}
