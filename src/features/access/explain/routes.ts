import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { AccessRules } from '../../../kernel/authz/access-rules.js'
import { type Caller, UNKNOWN } from '../../../kernel/authz/caller.js'
import type { Facts } from '../../../kernel/authz/facts.js'
import type { FactsReader } from '../../../kernel/authz/facts-reader.js'
import { explainInWords } from '../../../kernel/authz/insufficient-scope.js'
import { holdingsOfKey, holdingsOfMember } from '../../../kernel/authz/rules.js'
import { evaluate } from '../../../kernel/permissions/evaluate.js'
import { rolesThatGrant, scopesOfRole } from '../../../kernel/permissions/roles.js'
import type { ScopeCatalogue, ScopesNow } from '../../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { member } from '../../../kernel/request/access.js'
import type { CataloguedRoute, RouteCatalogue } from '../../../kernel/request/route-catalogue.js'
import { closed, KeyId, Nullable, problems, type Routes, TenantParams, Uuid } from '../../../kernel/rest/schemas.js'
import type { Clock } from '../../../kernel/time/clock.js'

const tags = ['access']

const Question = closed(
  {
    user_id: Type.Optional(Uuid),
    key_id: Type.Optional(KeyId),
    method: Type.Enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
    path: Type.String({ pattern: '^/', maxLength: 500 }),
  },
  { oneOf: [{ required: ['user_id'] }, { required: ['key_id'] }] },
)

const Explanation = Type.Object(
  {
    allowed: Type.Boolean(),
    detail: Type.String({ description: 'The decision in plain words.' }),
    route: Type.Object({ method: Type.String(), url: Type.String(), access: Type.String() }),
    refused_before: Nullable(
      Type.String({ description: 'The code of a refusal that comes before the check of scopes.' }),
    ),
    required: Type.Array(Type.String()),
    missing: Type.Array(Type.String()),
    principal: Type.Object({ kind: Type.String(), id: Type.String() }),
    denied_by_override: Type.Array(Type.String()),
    granted_by_roles: Type.Array(Type.String()),
  },
  { $id: 'Explanation' },
)

const CataloguedScope = Type.Object({
  scope: Type.String(),
  meaning: Type.String(),
  is_known: Type.Boolean({
    description: 'false: a role lists this scope, but the gateway no longer declares it. It grants nothing.',
  }),
  routes: Type.Array(Type.String()),
  roles: Type.Array(Type.String()),
})

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
    '/access/explain',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'explainAccess',
        summary: 'Explain whether a member or a key may call a route',
        tags,
        params: TenantParams,
        body: Question,
        response: { 200: Explanation, ...problems('not_found') },
      },
    },
    async (request) => {
      const { user_id, key_id, method, path } = request.body
      const route = catalogue.find(method, path)
      if (route === undefined) throw new Problem('not_found', { detail: 'No route has this method and path.' })
      const asked = await facts.read({
        tenant_id: request.tenant.id,
        key_id: key_id ?? null,
        session_id: null,
        user_id: user_id?.toLowerCase() ?? null,
      })
      if (asked.membership === null && asked.key === null) {
        throw new Problem('not_found', { detail: 'This tenant has no such member or key.' })
      }
      const visible = withinTenant(request.tenant.id, route, path, asked)
      const caller = hypothetical(route, asked, scopesNow())
      const refusal = rules.refusalOf(visible, caller, clock())
      const refused_before = refusal === undefined || refusal.code === 'insufficient_scope' ? null : refusal.code
      return explanation(request, route, asked, caller.scope_catalogue, refused_before)
    },
  )

  app.get(
    '/scopes',
    {
      config: member(),
      schema: {
        operationId: 'listScopes',
        summary: 'List scopes with their meaning, their routes and their roles',
        tags,
        params: TenantParams,
        response: { 200: Type.Object({ data: Type.Array(CataloguedScope) }) },
      },
    },
    async (request) => {
      const roles = await request.tenant_store.read((store) => store.roles.list())
      const scopes = scopesNow()
      const forgotten = roles.flatMap((role) => role.scopes).filter((scope) => !scopes.has(scope))
      const data = [...scopes.names, ...new Set(forgotten)].map((scope) => ({
        scope,
        meaning: scopes.meaningOf(scope) ?? 'Unknown: what it belonged to is gone',
        is_known: scopes.has(scope),
        routes: catalogue
          .list()
          .filter(({ access }) => access.scopes.some((asked) => asked === scope))
          .map(({ method, url }) => `${method} ${url}`),
        roles: roles.filter((role) => scopesOfRole(role, scopes).includes(scope)).map((role) => role.name),
      }))
      return { data }
    },
  )
}
export default explain

async function explanation(
  request: FastifyRequest,
  route: CataloguedRoute,
  facts: Facts,
  scopes: ScopeCatalogue,
  refused_before: string | null,
) {
  const holdings = facts.key === null ? holdingsOfMember(facts) : holdingsOfKey(facts)
  const decision = evaluate(route.access.scopes, holdings, scopes)
  const roles = decision.allowed ? [] : await request.tenant_store.read((store) => store.roles.list())
  const granted_by_roles = rolesThatGrant(roles, decision.missing, scopes)
  const words =
    refused_before !== null
      ? `Refused before the check of scopes: ${refused_before}.`
      : decision.allowed
        ? 'Allowed.'
        : explainInWords(decision, granted_by_roles)
  return {
    ...decision,
    allowed: decision.allowed && refused_before === null,
    detail: words,
    route: { method: route.method, url: route.url, access: route.access.kind },
    refused_before,
    required: [...decision.required],
    missing: [...decision.missing],
    denied_by_override: [...decision.denied_by_override],
    granted_by_roles,
  }
}

/** Describes the caller of a request that does not exist: a member who is signed in, or a key without a user. */
function hypothetical({ access }: CataloguedRoute, { key }: Facts, scope_catalogue: ScopeCatalogue): Caller {
  return {
    demand: access,
    scope_catalogue,
    address: UNKNOWN,
    origin: UNKNOWN,
    key_digest: UNKNOWN,
    token_expires_at_ms: key === null ? UNKNOWN : null,
  }
}

/** Removes the tenant from the facts if the path names another one. The explanation reveals nothing about another tenant. */
function withinTenant(tenant_id: string, { url, access }: CataloguedRoute, path: string, facts: Facts): Facts {
  const named = path.split('?')[0]?.split('/')[url.split('/').indexOf(':tenant_id')]
  return access.kind === 'member' && named !== tenant_id ? { ...facts, tenant: null, membership: null } : facts
}
