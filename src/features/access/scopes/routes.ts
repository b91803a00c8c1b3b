import { scopesOfRole } from '../../../kernel/permissions/roles.js'
import type { ScopesNow } from '../../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { member } from '../../../kernel/request/access.js'
import type { RouteCatalogue } from '../../../kernel/request/route-catalogue.js'
import { PageQuery, pageOf, pageSchema, readPage, sendPage } from '../../../kernel/rest/pagination.js'
import { problems, type Routes, strictObject, TenantParams } from '../../../kernel/rest/schemas.js'
import { CataloguedScope } from './schema.js'

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
        querystring: strictObject(PageQuery),
        response: { 200: pageSchema(CataloguedScope), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const roles = await request.tenant_store.read((store) => store.roles.all())
      const known = scopesNow()
      const forgotten = roles.flatMap((role) => role.scopes).filter((scope) => !known.has(scope))
      const { limit, after_id } = readPage(request, 'scope')
      const all = [...known.names, ...new Set(forgotten)]
      const { rows, has_more } = pageOf(after_id === undefined ? all : all.slice(placeOf(after_id, all) + 1), limit)
      const data = rows.map((scope) => ({
        scope,
        meaning: known.meaningOf(scope) ?? 'Unknown: what it belonged to is gone',
        is_known: known.has(scope),
        routes: catalogue
          .list()
          .filter(({ access }) => access.scopes.some((asked) => asked === scope))
          .map(({ method, url }) => `${method} ${url}`),
        roles: roles.filter((role) => scopesOfRole(role, known).includes(scope)).map((role) => role.name),
      }))
      return sendPage(request, reply, { rows: data, has_more }, (each) => each.scope)
    },
  )
}
export default scopes

/** @throws Problem `invalid_cursor` for a scope that the manifest no longer declares: the order of the list has changed */
function placeOf(scope: string, all: readonly string[]): number {
  const place = all.indexOf(scope)
  if (place === -1) throw new Problem('invalid_cursor')
  return place
}
