import { isIP } from 'node:net'
import { type Static, Type } from 'typebox'
import { REQUEST_ID } from '../../../kernel/problems/client-errors.js'
import { assertValid, invalidField } from '../../../kernel/problems/validation.js'
import { KeyId, matching, Nullable, strictObject, Uuid } from '../../../kernel/rest/schemas.js'

const ADDRESS = 'must be an IP address such as 203.0.113.7 or 2001:db8::1'

export const Question = strictObject(
  {
    user_id: Type.Optional(Uuid),
    email: Type.Optional(
      Type.String({ format: 'email', maxLength: 254, description: 'The email of a member, in place of user_id.' }),
    ),
    key_id: Type.Optional(KeyId),
    method: Type.Optional(Type.Enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])),
    path: Type.Optional(Type.String({ ...matching('^/', 'must begin with /'), maxLength: 500 })),
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
    request_id: Type.Optional(
      Type.String({
        ...matching(REQUEST_ID.source, 'must be 1 to 128 characters of A-Z a-z 0-9 . _ -'),
        description: 'The X-Request-ID of a refused request, in place of all other fields.',
      }),
    ),
  },
  {
    description:
      'Either `method` and `path`, and the user or the key whose request is explained; without both, it is the caller. Or `request_id` alone.',
  },
)

/** @throws Problem `validation_failed` for a question that asks about two things, or about nothing */
export function checkQuestion({ request_id, ...question }: Static<typeof Question>): void {
  const { user_id, email, key_id, method, path, address } = question
  if (request_id !== undefined) {
    const message = 'must not be sent with request_id'
    assertValid(Object.keys(question).map((name) => ({ pointer: `/${name}`, message })))
    return
  }
  const missing = [method === undefined && '/method', path === undefined && '/path'].filter((name) => name !== false)
  assertValid(missing.map((pointer) => ({ pointer, message: 'is required, unless request_id is sent' })))
  if (email !== undefined && user_id !== undefined) throw invalidField('/email', 'must not be sent with user_id')
  if (key_id !== undefined && (user_id ?? email) !== undefined) {
    throw invalidField('/key_id', `must not be sent with ${user_id === undefined ? 'email' : 'user_id'}`)
  }
  if (address !== undefined && isIP(address) === 0) throw invalidField('/address', ADDRESS)
}

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

/** A refusal, as the audit holds it. */
export const RecordedRefusal = Type.Object(
  {
    event_id: Nullable(Type.String({ description: 'The audit event. null if it is not written yet.' })),
    request_id: Type.String(),
    route: Type.String({ description: 'The method and the template of the path.' }),
    at: Type.String(),
    count: Type.Integer({ description: 'How many similar refusals of this caller within 10 s the event counts.' }),
    code: Type.String(),
    status: Type.Integer(),
    title: Type.String(),
    detail: Type.String({ description: 'The detail of the response.' }),
    principal: Type.Object({ kind: Type.String(), id: Nullable(Type.String()) }),
    key_id: Nullable(Type.String({ description: 'The tenant key of the request.' })),
    required: Type.Array(Type.String()),
    missing: Type.Array(Type.String()),
    denied_by_override: Type.Array(Type.String()),
    granted_by_roles: Type.Array(Type.String()),
    violated_policies: Type.Array(Type.String()),
  },
  { $id: 'RecordedRefusal' },
)

export const ExplainedRefusal = Type.Object(
  {
    detail: Type.String({ description: 'Both decisions in plain words.' }),
    recorded: RecordedRefusal,
    // Without the id of the schema: a response may have one schema of an id.
    now: Nullable(Type.Object({ ...Explanation.properties })),
  },
  {
    $id: 'ExplainedRefusal',
    description:
      'The answer to a request_id: the decision that was made, and the one that would be made now. `now` is null if the gateway does not know the caller or the route any more.',
  },
)

export const Answer = Type.Union([Explanation, ExplainedRefusal])
