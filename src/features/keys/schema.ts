import { Type } from 'typebox'
import { closed, Instant, Name, ScopeName } from '../../kernel/rest/schemas.js'

export const NewKey = closed({
  name: Name,
  scopes: Type.Optional(
    Type.Array(ScopeName, {
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
