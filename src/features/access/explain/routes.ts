import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { AccessRules, Verdict } from '../../../kernel/authz/access-rules.js'
import { type Caller, UNKNOWN } from '../../../kernel/authz/caller.js'
import { demandAt, scopesFor } from '../../../kernel/authz/demand.js'
import type { Facts } from '../../../kernel/authz/facts.js'
import type { FactsReader } from '../../../kernel/authz/facts-reader.js'
import { explainInWords, insufficientScope } from '../../../kernel/authz/insufficient-scope.js'
import { holdingsInTenant } from '../../../kernel/authz/rules.js'
import { evaluate } from '../../../kernel/permissions/evaluate.js'
import { rolesThatGrant } from '../../../kernel/permissions/roles.js'
import type { ScopeCatalogue, ScopesNow } from '../../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { invalidField } from '../../../kernel/problems/validation.js'
import { member } from '../../../kernel/request/access.js'
import type { CataloguedRoute, RouteCatalogue } from '../../../kernel/request/route-catalogue.js'
import { problems, type Routes, TenantParams } from '../../../kernel/rest/schemas.js'
import type { Clock } from '../../../kernel/time/clock.js'
import { ADDRESS, Explanation, Question } from './schema.js'

const tags = ['access']

export interface ExplainOptions {
  readonly catalogue: RouteCatalogue
  readonly facts: FactsReader
  readonly rules: AccessRules
  readonly scopesNow: ScopesNow
  readonly clock: Clock
}

/** Explains a decision with the facts and the rules that make it, without calling the route. */
const explain: Routes<ExplainOptions> = async (app, { catalogue, facts, rules, scopesNow, clock }) => {
  app.post(
    '',
    {
      config: member(),
      schema: {
        operationId: 'explainAccess',
        summary: 'Explain whether a member or a key may call a route',
        description: 'Every member may ask about themselves. To ask about another member or a key takes users:manage.',
        tags,
        params: TenantParams,
        body: Question,
        response: { 200: Explanation, ...problems('not_found', 'insufficient_scope') },
      },
    },
    async (request) => {
      const { user_id, key_id, method, path, address } = request.body
      if (address !== undefined && isIP(address) === 0) throw invalidField('/address', ADDRESS)
      if (user_id !== undefined && key_id !== undefined) throw invalidField('/key_id', 'must not be sent with user_id')
      const is_about_caller = key_id === undefined && (user_id ?? request.principal.id) === request.principal.id
      if (!is_about_caller) await checkMayAskAboutOthers(request, scopesNow())
      const route = catalogue.find(method, path)
      if (route === undefined) throw new Problem('not_found', { detail: 'No route has this method and path.' })
      const asked = await facts.read({
        tenant_id: request.tenant.id,
        key_id: key_id ?? null,
        session_id: null,
        user_id: user_id ?? (key_id === undefined ? request.principal.id : null),
      })
      if (asked.membership === null && asked.key === null) {
        throw new Problem('not_found', { detail: 'This tenant has no such member or key.' })
      }
      const visible = withinTenant(request.tenant.id, route, path, asked)
      const caller = hypothetical(route, path, asked, request.body, scopesNow())
      return explanation(request, route, asked, caller, rules.verdictOf(visible, caller, clock()))
    },
  )
}
export default explain

/** @throws Problem `insufficient_scope` */
async function checkMayAskAboutOthers(request: FastifyRequest, scopes: ScopeCatalogue): Promise<void> {
  const decision = evaluate(['users:manage'], request.holdings, scopes)
  if (decision.allowed) return
  const roles = await request.tenant_store.read((store) => store.roles.all())
  throw insufficientScope(decision, rolesThatGrant(roles, decision.missing, scopes))
}

async function explanation(
  request: FastifyRequest,
  route: CataloguedRoute,
  facts: Facts,
  caller: Caller,
  { problem, reason, conditions }: Verdict,
) {
  const refused_before = problem === undefined || problem.code === 'insufficient_scope' ? null : problem.code
  const { scope_catalogue } = caller
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

/** Describes the caller of a request that does not exist: a member who is signed in, or a key without a user. */
function hypothetical(
  { url, access }: CataloguedRoute,
  path: string,
  { key }: Facts,
  { address, origin }: Static<typeof Question>,
  scope_catalogue: ScopeCatalogue,
): Caller {
  return {
    demand: demandAt(access, { user_id: parameterOf('user_id', url, path) }),
    scope_catalogue,
    address: address ?? UNKNOWN,
    origin: origin ?? UNKNOWN,
    key_digest: UNKNOWN,
    token_expires_at_ms: key === null ? UNKNOWN : null,
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
