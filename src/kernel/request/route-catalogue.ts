import type { Demand } from '../authz/demand.js'

/** A route as the contract shows it. */
export interface CataloguedRoute {
  readonly method: string
  /** The template, such as `/v1/customers/:id`. */
  readonly url: string
  readonly access: Demand
}

/** Every route of the gateway. Explanations of access read it. */
export interface RouteCatalogue {
  /** All routes of the contract. A GET route stands for its HEAD route too. */
  list(): readonly CataloguedRoute[]
  /** The route that matches a request. Undefined if there is none. */
  find(method: string, path: string): CataloguedRoute | undefined
  /** The routes whose required scopes are all in this set. Other rules can still refuse a request. */
  allowedBy(scopes: ReadonlySet<string>): string[]
}
