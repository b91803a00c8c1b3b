import type { Privilege, Scope } from '../../contract/scopes.js'
import type { Column } from '../authz/access-rules.js'
import type { OwnParameter } from '../authz/demand.js'

/**
 * The access that a route requires. This one line drives the checks, the OpenAPI security, the explanations and the tests.
 * Several scopes mean all of them.
 */
export type Access =
  | { readonly kind: 'open'; readonly scopes: readonly [] }
  | { readonly kind: 'user'; readonly scopes: readonly [] }
  | {
      readonly kind: 'member'
      readonly scopes: readonly Scope[]
      /** The parameter of the path with a user, on a route that a member may call for themselves without the scopes. */
      readonly own?: OwnParameter
    }
  | {
      readonly kind: 'tenant'
      readonly scopes: readonly Scope[]
      /** Whether a ticket for the conversation in the path can replace the three headers; see redeem-ticket.ts. */
      readonly takes_ticket?: true
    }
  | { readonly kind: 'operator'; readonly scopes: readonly Privilege[] }

/** The part of an access that selects the column of the table. Routes of a manifest never take tickets. */
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

/** Any client, without credentials. */
export const open = (): Declared => ({ access: { kind: 'open', scopes: [] } })

/** A user with an access token, in no tenant. */
export const user = (): Declared => ({ access: { kind: 'user', scopes: [] } })

/** A user with an access token who is an active member of the tenant in the path. Without scopes, any member. */
export const member = (...scopes: Scope[]): Declared => ({ access: { kind: 'member', scopes } })

/** A member with the scopes, or the member whom the path names as `:user_id`, without them. */
export const memberOrSelf = (...scopes: [Scope, ...Scope[]]): Declared => ({
  access: { kind: 'member', scopes, own: 'user_id' },
})

/** A tenant key and the access token of a member. A key that holds the scopes itself needs no access token. */
export const tenant = (...scopes: Scope[]) => ({ access: { kind: 'tenant', scopes } }) as const satisfies Declared

/** As `tenant`, and also for a caller who cannot send headers, such as a browser that opens a socket: `?token=<ticket>` replaces them. */
export const orTicket = ({ access }: ReturnType<typeof tenant>) =>
  ({ access: { ...access, takes_ticket: true } }) as const satisfies Declared

/** An operator of the platform who holds the privileges. */
export const operator = (...privileges: Privilege[]): Declared => ({ access: { kind: 'operator', scopes: privileges } })
