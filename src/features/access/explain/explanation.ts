import type { FastifyRequest } from 'fastify'
import type { AccessRules } from '../../../kernel/authz/access-rules.js'
import { type Caller, UNKNOWN } from '../../../kernel/authz/caller.js'
import { demandAt, scopesFor } from '../../../kernel/authz/demand.js'
import type { Facts } from '../../../kernel/authz/facts.js'
import { explainInWords } from '../../../kernel/authz/insufficient-scope.js'
import { holdingsInTenant } from '../../../kernel/authz/rules.js'
import { evaluate } from '../../../kernel/permissions/evaluate.js'
import { rolesThatGrant } from '../../../kernel/permissions/roles.js'
import type { ScopesNow } from '../../../kernel/permissions/scope-catalogue.js'
import type { CataloguedRoute } from '../../../kernel/request/route-catalogue.js'
import type { Clock } from '../../../kernel/time/clock.js'

/** What decides about a request. */
export interface Deciders {
  readonly rules: AccessRules
  readonly scopesNow: ScopesNow
  readonly clock: Clock
}

/** A request that does not exist: a route, and where the request would come from as far as the question says it. */
export interface Hypothesis {
  readonly route: CataloguedRoute
  /** Its path. Without one, it is about the tenant of the question, and about nobody in particular. */
  readonly path?: string
  readonly address?: string | undefined
  readonly origin?: string | undefined
}

/**
 * Decides about a hypothetical request of a member or a key with the rules that decide about real ones.
 *
 * @param facts of the key, of the member, or of both. A caller without a membership needs a key.
 */
export async function explanationOf(
  { rules, scopesNow, clock }: Deciders,
  request: FastifyRequest,
  { route, path, address, origin }: Hypothesis,
  facts: Facts,
) {
  const scope_catalogue = scopesNow()
  const caller: Caller = {
    demand:
      path === undefined ? route.access : demandAt(route.access, { user_id: parameterOf('user_id', route.url, path) }),
    scope_catalogue,
    address: address ?? UNKNOWN,
    origin: origin ?? UNKNOWN,
    key_digest: UNKNOWN,
    token_expires_at_ms: facts.user === null ? null : UNKNOWN,
  }
  const visible = path === undefined ? facts : withinTenant(request.tenant.id, route, path, facts)
  const { problem, reason, conditions } = rules.verdictOf(visible, caller, clock())
  const refused_before = problem === undefined || problem.code === 'insufficient_scope' ? null : problem.code
  const holdings = holdingsInTenant(facts, caller)
  const decision = evaluate(scopesFor(caller.demand, holdings.id), holdings, scope_catalogue)
  const roles = decision.allowed ? [] : await request.tenant_store.read((store) => store.roles.all())
  const granted_by_roles = rolesThatGrant(roles, decision.missing, scope_catalogue)
  const inWords = () => {
    if (refused_before !== null)
      return `Refused before the check of scopes: ${refused_before}. ${reason ?? problem?.detail}`
    if (!decision.allowed) return explainInWords(decision, granted_by_roles)
    return conditions.length === 0 ? 'Allowed.' : 'Allowed, if the request meets the conditions.'
  }
  return {
    ...decision,
    allowed: decision.allowed && refused_before === null,
    detail: inWords(),
    route: { method: route.method, url: route.url, access: route.access.kind },
    refused_before,
    conditions: [...conditions],
    required: [...decision.required],
    missing: [...decision.missing],
    denied_by_override: [...decision.denied_by_override],
    granted_by_roles,
  }
}

/** Removes the tenant from the facts if the path names another one. The explanation reveals nothing about another tenant. */
function withinTenant(tenant_id: string, { url, access }: CataloguedRoute, path: string, facts: Facts): Facts {
  const named = parameterOf('tenant_id', url, path)
  return access.kind === 'member' && named !== tenant_id ? { ...facts, tenant: null, membership: null } : facts
}

/** The segment of a path in the place of a parameter of its route. Undefined if the route has no such parameter. */
function parameterOf(name: string, url: string, path: string): string | undefined {
  const position = url.split('/').indexOf(`:${name}`)
  return position < 0 ? undefined : path.split('?')[0]?.split('/')[position]
}
