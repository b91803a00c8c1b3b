import type { Demand } from '../authz/demand.js'

/** A route as callers know it. */
export interface CataloguedRoute {
  readonly method: string
  /** The template, such as `/v1/customers/:id`. */
  readonly url: string
  readonly access: Demand
}

/** Every route of the gateway, for whoever explains access. */
export interface RouteCatalogue {
  /** All routes that demand something, HEAD twins left out. */
  list(): readonly CataloguedRoute[]
  /** The route that a request would take; undefined when none would. */
  find(method: string, path: string): CataloguedRoute | undefined
  /** Routes that somebody with these scopes may take, as far as scopes decide. */
  allowedBy(scopes: ReadonlySet<string>): string[]
}
