import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { TenantPrincipalKind } from '../../contract/kinds.js'
import type { ProblemCode } from '../../contract/problems/catalogue.js'
import { explainInWords } from '../../kernel/authz/insufficient-scope.js'
import { evaluate } from '../../kernel/permissions/evaluate.js'
import { rolesThatGrant, scopesOfRole } from '../../kernel/permissions/roles.js'
import { allScopes, isScope, meaningOf } from '../../kernel/permissions/scopes.js'
import { Problem } from '../../kernel/problems/problems.js'
import { type AccessKind, member } from '../../kernel/request/access.js'
import type { CataloguedRoute, RouteCatalogue } from '../../kernel/request/route-catalogue.js'
import { closed, KeyId, Nullable, problems, type Routes, TenantParams, Uuid } from '../../kernel/rest/schemas.js'
import type { Explained } from './explain-store.js'

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

/** Explains a decision with the code that makes it, without calling the route. */
const explain: Routes<{ readonly catalogue: RouteCatalogue }> = async (app, { catalogue }) => {
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
      const somebody = await request.tenant_store.read((store) =>
        user_id === undefined ? store.explain.key(key_id ?? '') : store.explain.member(user_id),
      )
      if (somebody === undefined) {
        throw new Problem('not_found', { detail: 'This tenant has no such member or key.' })
      }
      return answer(request, route, path, somebody)
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
      const forgotten = roles.flatMap(scopesOfRole).filter((scope) => !isScope(scope))
      const data = [...allScopes(), ...new Set(forgotten)].map((scope) => ({
        scope,
        meaning: meaningOf(scope) ?? 'Unknown: what it belonged to is gone',
        is_known: isScope(scope),
        routes: catalogue
          .list()
          .filter(({ access }) => access.scopes.some((asked) => asked === scope))
          .map(({ method, url }) => `${method} ${url}`),
        roles: roles.filter((role) => scopesOfRole(role).includes(scope)).map((role) => role.name),
      }))
      return { data }
    },
  )
}
export default explain

async function answer(
  request: FastifyRequest,
  route: CataloguedRoute,
  path: string,
  { holdings, refused_before }: Explained,
) {
  const decision = evaluate(route.access.scopes, holdings)
  const roles = decision.allowed ? [] : await request.tenant_store.read((store) => store.roles.list())
  const granted_by_roles = rolesThatGrant(roles, decision.missing)
  const blocked =
    REFUSED_BY_KIND[holdings.kind][route.access.kind] ?? blockedHere(request.tenant.id, route, path, refused_before)
  const words =
    blocked !== null
      ? `Refused before the check of scopes: ${blocked}.`
      : decision.allowed
        ? 'Allowed.'
        : explainInWords(decision, granted_by_roles)
  return {
    ...decision,
    allowed: decision.allowed && blocked === null,
    detail: words,
    route: { method: route.method, url: route.url, access: route.access.kind },
    refused_before: blocked,
    required: [...decision.required],
    missing: [...decision.missing],
    denied_by_override: [...decision.denied_by_override],
    granted_by_roles,
  }
}

/** Returns the code of an earlier refusal in this tenant. Open routes check nothing, and user routes need no membership. */
function blockedHere(
  tenant_id: string,
  route: CataloguedRoute,
  path: string,
  refused_before: Explained['refused_before'],
): string | null {
  const { access } = route
  if (access.kind === 'open' || (access.kind === 'user' && refused_before === 'tenant_access_denied')) return null
  return refused_before ?? (isOf(tenant_id, route, path) ? null : 'tenant_access_denied')
}

/** Checks that the path of a member route names this tenant. The explanation reveals nothing about another tenant. */
function isOf(tenant_id: string, { url, access }: CataloguedRoute, path: string): boolean {
  if (access.kind !== 'member') return true
  return path.split('?')[0]?.split('/')[url.split('/').indexOf(':tenant_id')] === tenant_id
}

/** What refuses a principal of each kind for the access of a route: a member is no operator, and a key is no user. */
const REFUSED_BY_KIND: Record<TenantPrincipalKind, Record<AccessKind, ProblemCode | null>> = {
  user: { open: null, user: null, member: null, tenant: null, operator: 'platform_access_denied' },
  key: {
    open: null,
    user: 'authentication_required',
    member: 'authentication_required',
    tenant: null,
    operator: 'authentication_required',
  },
}
