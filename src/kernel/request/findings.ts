import type { FastifyRequest } from 'fastify'
import type { Caller, Credential } from '../authz/caller.js'
import type { Demand } from '../authz/demand.js'
import type { Claims, Facts, TenantFact } from '../authz/facts.js'
import type { Principal } from '../authz/principal.js'
import type { Established } from '../authz/rules.js'
import type { AccessTokenClaims } from '../credentials/access-tokens.js'
import type { Size } from '../limits/limiter.js'
import type { Holdings } from '../permissions/evaluate.js'

/** What the Authorization header holds: nothing; something that is no token of ours; one that was good; a good one. */
export type Bearer = 'absent' | 'bad' | 'expired' | AccessTokenClaims

/**
 * What the steps have found out about one request so far. Each step adds its part and reads those before it. A feature
 * that keeps something here declares its own field beside the code that sets it.
 */
export interface Findings extends Established {
  bearer?: Bearer
  /** What the caller of a tenant route presents, by headers or by a ticket. */
  credential?: Credential
  /** What the facts were read by. */
  claims?: Claims
  /** What the rules read besides the facts. */
  caller?: Caller
  facts?: Facts
  /** When the steps had let it pass, by the clock of this process. */
  let_in_at_ms?: number
  /** The code of the problem that it was answered with. */
  problem_code?: string
  /** The budgets that were used up. */
  violated?: readonly string[]
  /** Set once the answer was logged and counted. */
  is_observed?: boolean
  /** The declared route that the request matched, where one route of the router stands for many. */
  matched?: MatchedRoute
}

/** A route that is declared outside of the code: what the pipeline needs to know of it. */
export interface MatchedRoute {
  readonly access: Demand
  /** The template, such as `/training/sessions/:id`; label of logs, metrics and usage. */
  readonly url: string
  /** A WebSocket has none. */
  readonly method?: string
  /** What each tenant may spend on this route; undefined: the default budget of such routes. */
  readonly budget?: Size | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    /** For the steps of the pipeline; handlers use the getters beside it. */
    findings: Findings
    /** Who calls. Not there on open routes. */
    readonly principal: Principal
    /** What the principal holds in its tenant, or on the platform. */
    readonly holdings: Holdings
    /** The tenant of the request, on member and tenant routes. */
    readonly tenant: TenantFact
  }
}

/**
 * The getters that handlers use. Each throws when the route's column of the table did not provide the value: a mistake
 * in the code, found by the first test that calls the route.
 */
export function requestGetters(
  names: readonly (keyof Findings)[],
): Record<string, { getter(this: FastifyRequest): unknown }> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      {
        getter(this: FastifyRequest) {
          const value = this.findings[name]
          if (value === undefined) throw new Error(`request.${name} is not provided by the access of this route`)
          return value
        },
      },
    ]),
  )
}

/** The value that an earlier row of the table provides. @throws Error if no row did: the table is wrong */
export function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a step ran before the one that provides its value')
  return value
}
