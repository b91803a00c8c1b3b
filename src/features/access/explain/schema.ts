import { Type } from 'typebox'
import { KeyId, matching, Nullable, strictObject, Uuid } from '../../../kernel/rest/schemas.js'

export const ADDRESS = 'must be an IP address such as 203.0.113.7 or 2001:db8::1'

export const Question = strictObject(
  {
    user_id: Type.Optional(Uuid),
    key_id: Type.Optional(KeyId),
    method: Type.Enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
    path: Type.String({ ...matching('^/', 'must begin with /'), maxLength: 500 }),
    address: Type.Optional(
      Type.String({
        ...matching('^[0-9A-Fa-f.:]+$', ADDRESS),
        maxLength: 50,
        description: 'The IP address from which the request would come.',
      }),
    ),
    origin: Type.Optional(
      Type.String({
        ...matching('^[a-z][a-z0-9+.-]*://[!-~]+$', 'must be an origin such as https://app.example.com'),
        maxLength: 300,
        description: 'The origin of the page that would send the request.',
      }),
    ),
  },
  {
    description: 'The user or the key whose request is explained. Without both, it is the caller.',
  },
)

export const Explanation = Type.Object(
  {
    allowed: Type.Boolean(),
    detail: Type.String({ description: 'The decision in plain words.' }),
    route: Type.Object({ method: Type.String(), url: Type.String(), access: Type.String() }),
    refused_before: Nullable(
      Type.String({ description: 'The code of a refusal that comes before the check of scopes.' }),
    ),
    conditions: Type.Array(Type.String(), {
      description: 'What the request must have besides, as far as the question does not say it.',
    }),
    required: Type.Array(Type.String()),
    missing: Type.Array(Type.String()),
    principal: Type.Object({ kind: Type.String(), id: Type.String() }),
    denied_by_override: Type.Array(Type.String()),
    granted_by_roles: Type.Array(Type.String()),
  },
  { $id: 'Explanation' },
)
