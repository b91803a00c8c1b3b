/** The kinds of access that a route can require; see `access.ts` of the request. */
export type AccessKind = 'open' | 'user' | 'member' | 'tenant' | 'operator'

/** What a route requires of its caller, in the code or in the manifest of an upstream. Several scopes mean all of them. */
export interface Demand {
  readonly kind: AccessKind
  readonly scopes: readonly string[]
}
