import { Type } from 'typebox'
import { TENANT_PRINCIPAL_KINDS } from '../../contract/kinds.js'
import { tenantPrincipal } from '../../kernel/authz/principal.js'
import { budgetsLeft } from '../../kernel/authz/spending.js'
import { addressBucket } from '../../kernel/limits/address.js'
import type { Limiter } from '../../kernel/limits/limiter.js'
import { effectiveScopes, overridesOf, rolesOf } from '../../kernel/permissions/evaluate.js'
import type { ScopesNow } from '../../kernel/permissions/scope-catalogue.js'
import { tenant } from '../../kernel/request/access.js'
import { found } from '../../kernel/request/findings.js'
import { Nullable, type Routes } from '../../kernel/rest/schemas.js'

const AccessAnswer = Type.Object(
  {
    principal: Type.Object({ kind: Type.Enum([...TENANT_PRINCIPAL_KINDS]), id: Type.String() }),
    key: Type.Object({ id: Type.String(), name: Type.String(), expires_at: Nullable(Type.String()) }),
    tenant: Type.Object({ id: Type.String(), name: Type.String() }),
    roles: Type.Array(Type.String()),
    scopes: Type.Array(
      Type.Object({
        scope: Type.String(),
        from: Type.Array(Type.Object({}, { additionalProperties: true }), {
          description: 'Each source of the scope: a role, a grant, or the key itself.',
        }),
      }),
    ),
    denied: Type.Array(Type.String(), {
      description: 'Scopes that an override denies, whatever the roles grant.',
    }),
    budgets: Type.Array(
      Type.Object({
        name: Type.String(),
        quota: Type.Integer(),
        window_seconds: Type.Integer(),
        remaining: Type.Integer(),
        reset_seconds: Type.Integer(),
      }),
    ),
  },
  { $id: 'Access' },
)

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
        response: { 200: AccessAnswer },
      },
    },
    async (request) => {
      const { holdings } = request
      const key = found(request.findings.key)
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
