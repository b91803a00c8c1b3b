import type { FastifyRequest } from 'fastify'
import type { Caller, Credential } from '../authz/caller.js'
import type { Demand } from '../authz/demand.js'
import type { Claims, Facts, TenantFact } from '../authz/facts.js'
import type { Principal } from '../authz/principal.js'
import type { Established } from '../authz/rules.js'
import type { AccessTokenClaims } from '../credentials/access-tokens.js'
import type { Size } from '../limits/limiter.js'
import type { Holdings } from '../permissions/evaluate.js'

/** What the Authorization header contains: nothing, no token of this gateway, an expired token, or a valid token. */
export type Bearer = 'absent' | 'bad' | 'expired' | AccessTokenClaims

/**
 * What the steps have found out about one request so far. Each step adds its part and reads the earlier ones. A feature
 * that needs a field declares it in the file that sets it.
 */
export interface Findings extends Established {
  bearer?: Bearer
  /** The credential of a caller of a tenant route, from the headers or from a ticket. */
  credential?: Credential
  /** The claims by which the facts were read. */
  claims?: Claims
  /** What the rules read besides the facts. */
  caller?: Caller
  facts?: Facts
  /** The moment at which the request passed the table, by `performance.now()`. */
  let_in_at_ms?: number
  /** The code of the problem in the response. */
  problem_code?: string
  /** The budgets that the request exceeded. */
  violated?: readonly string[]
  /** What the problem in the response says. */
  told?: ToldProblem
  /** Whether the response was logged and counted. */
  is_observed?: boolean
  /** The declared route of an upstream that the request matched. For the router, all of them are one route. */
  matched?: MatchedRoute
}

/** What a problem says: its words, and its members about scopes and budgets. */
export interface ToldProblem {
  readonly detail: string
  readonly members: Readonly<Record<string, unknown>>
}

/** A route that a manifest declares: what the pipeline needs to know of it. */
export interface MatchedRoute {
  readonly access: Demand
  /** The template, such as `/training/sessions/:id`. Logs, metrics and usage use it as a label. */
  readonly url: string
  /** Undefined for a WebSocket. */
  readonly method?: string
  /** The budget of each tenant on this route. Undefined for the default budget of declared routes. */
  readonly budget?: Size | undefined
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Applies the rules of the route to the request again, on new facts. A handler whose response takes long calls it
     * between two parts of the response.
     * @throws Problem of the rule that refuses the caller now
     */
    checkAccess(): Promise<void>
  }
  interface FastifyRequest {
    /** For the steps of the pipeline. Handlers use the getters below. */
    findings: Findings
    /** Who calls. Open routes have no principal. */
    readonly principal: Principal
    /** What the principal holds in its tenant, or on the platform. */
    readonly holdings: Holdings
    /** The tenant of the request, on member and tenant routes. */
    readonly tenant: TenantFact
  }
}

/**
 * The getters that handlers use. Each throws if the column of the route does not provide the value. That is a bug of the
 * gateway, and the first test that calls the route finds it.
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
