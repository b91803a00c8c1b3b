import { Type } from 'typebox'
import { closed, Instant, Name, Nullable } from '../http/schemas.js'
import { ALL_SCOPES } from '../permissions/scopes.js'

export const NewKey = closed({
  name: Name,
  scopes: Type.Optional(
    Type.Array(Type.Enum(ALL_SCOPES), {
      uniqueItems: true,
      maxItems: 100,
      description: 'What the key may do on its own. None if not given: then it only says which tenant a user acts in.',
    }),
  ),
  expires_at: Type.Optional(Instant),
  allowed_cidrs: Type.Optional(
    Type.Array(Type.String({ maxLength: 50 }), {
      minItems: 1,
      maxItems: 50,
      description: 'Networks from which the key may be used.',
    }),
  ),
  requests_per_minute: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
})

export const Key = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    scopes: Type.Array(Type.String()),
    secret_last_four: Type.String(),
    allowed_cidrs: Nullable(Type.Array(Type.String())),
    requests_per_minute: Nullable(Type.Integer()),
    created_by: Nullable(Type.String()),
    created_at: Type.String(),
    expires_at: Nullable(Type.String()),
    disabled_at: Nullable(Type.String()),
    revoked_at: Nullable(Type.String()),
  },
  { $id: 'TenantKey' },
)

export const CreatedKey = Type.Object({
  ...Key.properties,
  key: Type.String({ description: 'The key itself. It is shown this once.' }),
})
