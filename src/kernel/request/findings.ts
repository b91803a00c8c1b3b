import type { FastifyRequest } from 'fastify'
import type { PlatformStore } from '../../app/stores/platform-store.js'
import type { TenantStore } from '../../app/stores/tenant-store.js'
import type { Forwarded, Forwarding } from '../../features/upstreams/forward/forwarding.js'
import type { Facts, KeyFact, SessionFact, TenantFact } from '../authz/facts.js'
import type { Principal } from '../authz/principal.js'
import type { Credential } from '../authz/standing.js'
import type { AccessTokenClaims } from '../credentials/access-tokens.js'
import type { Admission } from '../live/live.js'
import type { Decision, Holdings } from '../permissions/evaluate.js'
import type { IdempotencyMark } from '../store/idempotency-records.js'

/** What the Authorization header holds: nothing; something that is no token of ours; one that was good; a good one. */
export type Bearer = 'absent' | 'bad' | 'expired' | AccessTokenClaims

/** What the steps have found out about one request so far. Each step adds its part and reads those before it. */
export interface Findings {
  bearer?: Bearer
  /** What the caller of a tenant route has proved, by headers or by a ticket. */
  credential?: Credential
  facts?: Facts
  /** When the steps had let it pass, by the clock of this process. */
  let_in_at_ms?: number
  tenant?: TenantFact
  key?: KeyFact
  session?: SessionFact
  principal?: Principal
  holdings?: Holdings
  decision?: Decision
  tenant_store?: TenantStore
  /** The Idempotency-Key that the change of this request will claim. */
  idempotency?: IdempotencyMark
  /** The code of the problem that it was answered with. */
  problem_code?: string
  /** The budgets that were used up. */
  violated?: readonly string[]
  platform_store?: PlatformStore
  /** The conversation that it may listen to. */
  admission?: Admission
  /** Set once the answer was logged and counted. */
  is_observed?: boolean
  /** The route of an upstream that the request matched, and where it goes. */
  forwarding?: Forwarding
  /** What became of it there. */
  upstream?: Forwarded
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
    /** The store that is bound to the tenant of the request. */
    readonly tenant_store: TenantStore
    /** The store of the platform: identities and tenants, no tenant's data. */
    readonly platform_store: PlatformStore
  }
}

const PROVIDED = ['principal', 'holdings', 'tenant', 'tenant_store', 'platform_store'] as const

/**
 * The getters that handlers use. Each throws when the route's column of the table did not provide the value: a mistake
 * in the code, found by the first test that calls the route.
 */
export function requestGetters(): Record<string, { getter(this: FastifyRequest): unknown }> {
  return Object.fromEntries(
    PROVIDED.map((name) => [
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

/** A value that an earlier row of the table must have found. */
export function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a step ran before the one that provides its value')
  return value
}
