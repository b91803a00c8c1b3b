/** The kinds of access that a route can require; see `access.ts` of the request. */
export type AccessKind = 'open' | 'user' | 'member' | 'tenant' | 'operator'

/** What a route requires of its caller, in the code or in the manifest of an upstream. Several scopes mean all of them. */
export interface Demand {
  readonly kind: AccessKind
  readonly scopes: readonly string[]
  readonly own?: OwnParameter
  /** The user whom the path of the request names, if a member may call the route for themselves without the scopes. */
  readonly self_id?: string
}

/** The parameter of a path that names the user on whom the request acts. */
export type OwnParameter = 'user_id'

/** Adds what a path says to the demand of its route. */
export function demandAt<D extends Demand>(demand: D, parameters: Readonly<Record<string, string | undefined>>): D {
  const self_id = demand.own === undefined ? undefined : parameters[demand.own]
  return self_id === undefined ? demand : { ...demand, self_id }
}

/** The scopes that a demand requires of a user or a key with this id. The path names a user by the one spelling of the id. */
export function scopesFor({ scopes, self_id }: Demand, caller_id: string): readonly string[] {
  return self_id === caller_id ? [] : scopes
}
