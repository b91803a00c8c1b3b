import { scopesOfRole } from '../../../kernel/permissions/roles.js'
import type { ScopesNow } from '../../../kernel/permissions/scope-catalogue.js'
import { member } from '../../../kernel/request/access.js'
import type { RouteCatalogue } from '../../../kernel/request/route-catalogue.js'
import { type Routes, TenantParams } from '../../../kernel/rest/schemas.js'
import { Scopes } from './schema.js'

const tags = ['access']

export interface ScopesOptions {
  readonly catalogue: RouteCatalogue
  readonly scopesNow: ScopesNow
}

/** The scopes of the gateway, with the routes that require them and the roles that grant them. */
const scopes: Routes<ScopesOptions> = async (app, { catalogue, scopesNow }) => {
  app.get(
    '',
    {
      config: member(),
      schema: {
        operationId: 'listScopes',
        summary: 'List scopes with their meaning, their routes and their roles',
        tags,
        params: TenantParams,
        response: { 200: Scopes },
      },
    },
    async (request) => {
      const roles = await request.tenant_store.read((store) => store.roles.list())
      const known = scopesNow()
      const forgotten = roles.flatMap((role) => role.scopes).filter((scope) => !known.has(scope))
      const data = [...known.names, ...new Set(forgotten)].map((scope) => ({
        scope,
        meaning: known.meaningOf(scope) ?? 'Unknown: what it belonged to is gone',
        is_known: known.has(scope),
        routes: catalogue
          .list()
          .filter(({ access }) => access.scopes.some((asked) => asked === scope))
          .map(({ method, url }) => `${method} ${url}`),
        roles: roles.filter((role) => scopesOfRole(role, known).includes(scope)).map((role) => role.name),
      }))
      return { data }
    },
  )
}
export default scopes
