import type { Scope } from '../../contract/scopes.js'
import type { ScopeCatalogue } from './scope-catalogue.js'

/** The system roles that give every scope, including scopes of upstreams and of later releases. */
const EVERY = 'every'

/**
 * The roles that every tenant has. No caller can change them.
 *
 * Their scopes are in the code and not in the rows of the tenant, so an Owner holds the scopes of a later release at once.
 * A row of the tenant only contains the code of the role.
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

/** A role as it is stored: a system role by its code, a custom role by its scopes. */
export interface RoleFact {
  readonly name: string
  readonly system_role: SystemRole | null
  readonly scopes: readonly string[]
}

/** The scopes that a role gives. A custom role can contain scopes that are not in the catalogue. */
export function scopesOfRole(role: RoleFact, catalogue: ScopeCatalogue): readonly string[] {
  const scopes = role.system_role === null ? role.scopes : SYSTEM_ROLES[role.system_role].scopes
  return scopes === EVERY ? catalogue.names : scopes
}

/** Whether a role gives a scope. The scope does not have to exist now. */
export function roleGives(role: RoleFact, scope: string): boolean {
  const scopes: readonly string[] | typeof EVERY =
    role.system_role === null ? role.scopes : SYSTEM_ROLES[role.system_role].scopes
  return scopes === EVERY || scopes.includes(scope)
}

/** Whether a role gives every scope, including scopes of upstreams and of later releases. */
export function givesEverything({ system_role }: RoleFact): boolean {
  return system_role !== null && SYSTEM_ROLES[system_role].scopes === EVERY
}

/** The names of the roles that give all of these scopes. */
export function rolesThatGrant(
  roles: readonly RoleFact[],
  scopes: readonly string[],
  catalogue: ScopeCatalogue,
): string[] {
  return roles
    .filter((role) => scopes.every((scope) => scopesOfRole(role, catalogue).includes(scope)))
    .map((role) => role.name)
}
