import { Type } from 'typebox'
import { TENANT_PRINCIPAL_KINDS } from '../../contract/kinds.js'
import { Nullable } from '../../kernel/rest/schemas.js'

export const Access = Type.Object(
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
