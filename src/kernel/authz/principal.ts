import type { PrincipalKind, TenantPrincipalKind } from '../../contract/kinds.js'
import { unreachable } from '../unreachable.js'

/** What identifies a principal of each kind, in addition to its id. */
interface Identification {
  readonly user: {
    readonly session_id: string
    /** The tenant key that came with the access token; null on routes that take no key. */
    readonly key_id: string | null
  }
  readonly key: object
  readonly operator: { readonly session_id: string }
}

type PrincipalOf<Kinds extends PrincipalKind> = {
  [K in Kinds]: { readonly kind: K; readonly id: string } & Identification[K]
}[Kinds]

/** The identified caller of a request. Handlers and the audit use it instead of headers and tokens. */
export type Principal = PrincipalOf<PrincipalKind>

/** The principal of a request within a tenant. */
export type TenantPrincipal = PrincipalOf<TenantPrincipalKind>

/** The principal of a request within a tenant. @throws Error for an operator: no route within a tenant takes one */
export function tenantPrincipal(principal: Principal): TenantPrincipal {
  switch (principal.kind) {
    case 'user':
    case 'key':
      return principal
    case 'operator':
      throw new Error('an operator is no principal of a tenant')
    default:
      return unreachable(principal)
  }
}

/** The user who acts within a tenant; null for a principal that is no person. */
export function userIdOf(principal: TenantPrincipal): string | null {
  switch (principal.kind) {
    case 'user':
      return principal.id
    case 'key':
      return null
    default:
      return unreachable(principal)
  }
}

/** The session of a principal; null for a key, which has none. */
export function findSessionId(principal: Principal): string | null {
  switch (principal.kind) {
    case 'user':
    case 'operator':
      return principal.session_id
    case 'key':
      return null
    default:
      return unreachable(principal)
  }
}

/** The session of a principal who is signed in. @throws Error for a key: routes that need a session take no key */
export function sessionIdOf(principal: Principal): string {
  const session_id = findSessionId(principal)
  if (session_id === null) throw new Error('a key has no session')
  return session_id
}
