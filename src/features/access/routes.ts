import { budgetsLeft } from '../../kernel/authz/caller-budgets.js'
import { tenantPrincipal } from '../../kernel/authz/principal.js'
import { addressBucket } from '../../kernel/limits/address.js'
import type { Limiter } from '../../kernel/limits/limiter.js'
import { effectiveScopes, overridesOf, rolesOf } from '../../kernel/permissions/evaluate.js'
import type { ScopesNow } from '../../kernel/permissions/scope-catalogue.js'
import { tenant } from '../../kernel/request/access.js'
import { required } from '../../kernel/request/findings.js'
import type { Routes } from '../../kernel/rest/schemas.js'
import { Access } from './schema.js'

interface AccessOptions {
  readonly limiter: Limiter
  readonly scopesNow: ScopesNow
}

/** The identity and the scopes of the caller: the first request to make after a 403. */
const access: Routes<AccessOptions> = async (app, { limiter, scopesNow }) => {
  app.get(
    '',
    {
      config: tenant(),
      schema: {
        operationId: 'getAccess',
        summary: 'Get my identity, my tenant and my scopes',
        tags: ['access'],
        response: { 200: Access },
      },
    },
    async (request) => {
      const { holdings } = request
      const key = required(request.findings.key)
      const { kind, id } = tenantPrincipal(request.principal)
      return {
        principal: { kind, id },
        key: { id: key.id, name: key.name, expires_at: key.expires_at && new Date(key.expires_at).toISOString() },
        tenant: { id: request.tenant.id, name: request.tenant.name },
        roles: rolesOf(holdings).map((role) => role.name),
        scopes: effectiveScopes(holdings, scopesNow()).map(({ scope, from }) => ({ scope, from: [...from] })),
        denied: overridesOf(holdings)
          .filter(({ effect }) => effect === 'deny')
          .map(({ scope }) => scope),
        budgets: await budgetsLeft(limiter, request.tenant, key, addressBucket(request.ip)),
      }
    },
  )
}
export default access
