import { type Static, Type } from 'typebox'
import { UUID_PATTERN } from '../../kernel/ids/uuid.js'
import { REQUEST_ID } from '../../kernel/problems/client-errors.js'
import { PageQuery } from '../../kernel/rest/pagination.js'
import { Instant, matching, Nullable, strictObject } from '../../kernel/rest/schemas.js'
import { ACTIONS } from '../../kernel/store/actions.js'
import { EXPORT_TYPES } from './export.js'
import type { AuditFilters } from './store.js'

const KEY_ID = '[0-9A-Za-z]{12}'
const SCOPE = '[a-z][a-z0-9-]*:[a-z][a-z0-9-]*'
/** A user, a key, or a part of the gateway such as `sweep`. */
const ACTOR_ID = `^(${UUID_PATTERN}|${KEY_ID}|[a-z]+(-[a-z]+)*)$`
/** One id, or two ids with a slash between them: those of a member of a conversation, or of an override. */
const TARGET_ID = `^(${KEY_ID}|${UUID_PATTERN}(/(${UUID_PATTERN}|${SCOPE}))?)$`

/** The most actions of one filter. */
const ACTIONS_MAX = 20
const NAMES = Object.keys(ACTIONS)
const ONE_ACTION = `(${NAMES.map((name) => name.replace('.', '\\.')).join('|')})`

const filters = {
  action: Type.Optional(
    Type.String({
      ...matching(
        `^${ONE_ACTION}(,${ONE_ACTION}){0,${ACTIONS_MAX - 1}}$`,
        `must be an action of the audit, or up to ${ACTIONS_MAX} with commas between them`,
      ),
      'x-documented-as': {
        type: 'array',
        items: { type: 'string', enum: NAMES },
        minItems: 1,
        maxItems: ACTIONS_MAX,
      },
      description: 'Events with one of these actions, with commas between them: `member.added,member.removed`.',
    }),
  ),
  actor_id: Type.Optional(
    Type.String({
      ...matching(ACTOR_ID, 'must be the id of a user or a key, or a part of the gateway such as sweep'),
      maxLength: 64,
    }),
  ),
  target_id: Type.Optional(
    Type.String({ ...matching(TARGET_ID, 'must be an id, or two ids with a slash between them'), maxLength: 128 }),
  ),
  actor_email: Type.Optional(
    Type.String({
      format: 'email',
      maxLength: 254,
      description:
        'Events of the user with this email, in place of actor_id. Another email than my own takes users:manage in a tenant, and platform:users:view on the platform.',
    }),
  ),
  request_id: Type.Optional(
    Type.String({
      ...matching(REQUEST_ID.source, 'must be 1 to 128 characters of A-Z a-z 0-9 . _ -'),
      description: 'What one request did or was refused. Of similar refusals within 10 s, the event has the first id.',
    }),
  ),
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
}
export const AuditQuery = strictObject({ ...filters, ...PageQuery })
export const ExportQuery = strictObject({
  ...filters,
  format: Type.Optional(Type.Enum(['ndjson', 'csv'], { description: 'The default is ndjson.' })),
})

export const AuditEvent = Type.Object(
  {
    id: Type.String(),
    tenant_id: Nullable(Type.String()),
    action: Type.String(),
    actor_kind: Type.String(),
    actor_id: Nullable(Type.String()),
    actor_name: Nullable(
      Type.String({
        description:
          'The name of now of the user or the key. For an operator and for the gateway, a name that says what they are. null if the user was never a member or is deleted.',
      }),
    ),
    target_kind: Type.String(),
    target_id: Nullable(Type.String()),
    target_name: Nullable(
      Type.String({
        description: 'The name of now, if the target is a user, a member or a key. The hash covers no names.',
      }),
    ),
    changes: Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true })),
    address: Nullable(Type.String()),
    user_agent: Nullable(Type.String()),
    request_id: Nullable(Type.String()),
    created_at: Type.String(),
    chain_seq: Type.Integer({ description: 'The position in the chain of the tenant.' }),
    hash: Type.String({ description: 'Hex. The hash of the previous hash and this event.' }),
  },
  { $id: 'AuditEvent' },
)

export const ExportResponse = {
  description: 'One event per line, newest first. If the export fails, the gateway breaks the connection.',
  content: Object.fromEntries(
    Object.values(EXPORT_TYPES).map((type) => [type.split(';')[0], { schema: Type.String() }]),
  ),
}

/** The filters of a query, without its page and format. @param actor_id the actor, also if the query names an email */
export function filtersOf(query: Static<typeof AuditQuery>, actor_id = query.actor_id): AuditFilters {
  const { action, target_id, request_id, from, to } = query
  return { actions: action?.split(','), actor_id, target_id, request_id, from, to }
}
