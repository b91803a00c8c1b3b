import { Type } from 'typebox'
import { UUID_PATTERN } from '../../kernel/ids/uuid.js'
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

const filters = {
  action: Type.Optional(Type.Enum(Object.keys(ACTIONS) as (keyof typeof ACTIONS)[])),
  actor_id: Type.Optional(
    Type.String({
      ...matching(ACTOR_ID, 'must be the id of a user or a key, or a part of the gateway such as sweep'),
      maxLength: 64,
    }),
  ),
  target_id: Type.Optional(
    Type.String({ ...matching(TARGET_ID, 'must be an id, or two ids with a slash between them'), maxLength: 128 }),
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

/** The filters of a query, without its page and format. */
export function filtersOf({ action, actor_id, target_id, from, to }: AuditFilters): AuditFilters {
  return { action, actor_id, target_id, from, to }
}
