import type { Privilege, Scope } from '../../contract/scopes.js'
import type { Column } from '../authz/access-rules.js'

/**
 * What a route demands: the one line that drives the guard, the OpenAPI security, the explanations and the tests.
 * Several scopes mean all of them.
 */
export type Access =
  | { readonly kind: 'open'; readonly scopes: readonly [] }
  | { readonly kind: 'user'; readonly scopes: readonly [] }
  | { readonly kind: 'member'; readonly scopes: readonly Scope[] }
  | {
      readonly kind: 'tenant'
      readonly scopes: readonly Scope[]
      /** Whether a ticket for the conversation in the path may stand for the headers; see redeem-ticket.ts. */
      readonly takes_ticket?: true
    }
  | { readonly kind: 'operator'; readonly scopes: readonly Privilege[] }

/** As much of an access as says which column of the table its requests pass. The manifest of an upstream has no tickets. */
export interface AccessColumn {
  readonly kind: Access['kind']
  readonly takes_ticket?: true
}

/** Returns the column of the table that the requests of a route pass. */
export function columnOf({ kind, takes_ticket }: AccessColumn): Column {
  return takes_ticket === true ? 'ticket' : kind
}

/** The config of a route that declares its access. */
export interface Declared {
  readonly access: Access
}

/** Anybody; nothing is asked. */
export const open = (): Declared => ({ access: { kind: 'open', scopes: [] } })

/** A signed-in user, in no tenant. */
export const user = (): Declared => ({ access: { kind: 'user', scopes: [] } })

/** A signed-in user who is an active member of the tenant in the path; without scopes, any member. */
export const member = (...scopes: Scope[]): Declared => ({ access: { kind: 'member', scopes } })

/** A tenant key, and a signed-in member unless the key itself holds the scopes. */
export const tenant = (...scopes: Scope[]) => ({ access: { kind: 'tenant', scopes } }) as const satisfies Declared

/** The same for a caller who cannot send headers, as a browser opening a socket: `?token=<ticket>` stands for them. */
export const orTicket = ({ access }: ReturnType<typeof tenant>) =>
  ({ access: { ...access, takes_ticket: true } }) as const satisfies Declared

/** An operator of the platform who holds the privileges. */
export const operator = (...privileges: Privilege[]): Declared => ({ access: { kind: 'operator', scopes: privileges } })
