import { Type } from 'typebox'
import type { KeyRecord } from '../../kernel/identity/insert-key.js'
import { Instant, KeyId, Name, Nullable, ScopeName, strictObject, TenantParams } from '../../kernel/rest/schemas.js'

const OVERLAP_SECONDS_MAX = 2_592_000
/** The old secret counts as retired when only the new one was used for this long. */
const QUIET_MS = 15 * 60_000

export const KeyParams = strictObject({ ...TenantParams.properties, key_id: KeyId })

export const NewKey = strictObject({
  name: Name,
  scopes: Type.Optional(
    Type.Array(ScopeName, {
      uniqueItems: true,
      maxItems: 100,
      description:
        'The scopes of the key without a user. The default is none: the key then only names the tenant of a user.',
    }),
  ),
  expires_at: Type.Optional(Instant),
  allowed_cidrs: Type.Optional(
    Type.Array(Type.String({ maxLength: 50 }), {
      minItems: 1,
      maxItems: 50,
      description: 'The networks from which the gateway accepts the key.',
    }),
  ),
  requests_per_minute: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
})

export const KeyChange = strictObject(
  {
    name: Type.Optional(Name),
    scopes: Type.Optional(Type.Array(ScopeName, { uniqueItems: true, maxItems: 200 })),
    expires_at: Type.Optional(Nullable(Instant)),
    allowed_cidrs: Type.Optional(Nullable(Type.Array(Type.String({ maxLength: 50 }), { minItems: 1, maxItems: 50 }))),
    requests_per_minute: Type.Optional(Nullable(Type.Integer({ minimum: 1, maximum: 1_000_000 }))),
    disabled: Type.Optional(Type.Boolean({ description: 'true disables the key, false enables it again.' })),
  },
  { minProperties: 1 },
)

export const Rotation = strictObject({
  overlap_seconds: Type.Integer({
    minimum: 0,
    maximum: OVERLAP_SECONDS_MAX,
    description: 'How long the old secret still works. 0 ends every old secret at once.',
  }),
})

const SecretShown = Type.Object({
  last_four: Type.String(),
  is_current: Type.Boolean(),
  created_at: Nullable(Type.String()),
  expires_at: Nullable(Type.String({ description: 'The end of the overlap.' })),
  last_used_at: Nullable(Type.String({ description: 'The gateway writes it in batches, up to a minute late.' })),
  requests: Type.Integer({
    description: 'The number of requests that were authenticated with this secret, whatever their response.',
  }),
})

export const Key = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    scopes: Type.Array(Type.String()),
    secrets: Type.Array(SecretShown, {
      description: 'The working secrets: one, or two during the overlap of a rotation.',
    }),
    safe_to_retire: Type.Boolean({
      description: 'true: no old secret works, or only the new secret was used in the last 15 minutes.',
    }),
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
  key: Type.String({ description: 'The key. Only this response contains it.' }),
})

/** Returns a key without its digests, and whether its old secret can be retired. */
export function toResponse(record: KeyRecord, now_ms: number) {
  const overlaps = record.previous_expires_at !== null && Date.parse(record.previous_expires_at) > now_ms
  const current = {
    last_four: record.secret_last_four,
    is_current: true,
    created_at: record.secret_created_at,
    expires_at: record.expires_at,
    last_used_at: record.secret_last_used_at,
    requests: record.secret_requests,
  }
  const previous = {
    last_four: record.previous_last_four ?? '',
    is_current: false,
    created_at: record.previous_created_at,
    expires_at: record.previous_expires_at,
    last_used_at: record.previous_last_used_at,
    requests: record.previous_requests,
  }
  const { id, name, scopes, allowed_cidrs, requests_per_minute, created_by, created_at, expires_at } = record
  const is_dead = record.revoked_at !== null
  return {
    id,
    name,
    scopes,
    secrets: is_dead ? [] : overlaps ? [current, previous] : [current],
    safe_to_retire: is_dead || !overlaps || isQuiet(record, now_ms),
    allowed_cidrs,
    requests_per_minute,
    created_by,
    created_at,
    expires_at,
    disabled_at: record.disabled_at,
    revoked_at: record.revoked_at,
  }
}

function isQuiet({ secret_requests, previous_last_used_at }: KeyRecord, now_ms: number): boolean {
  if (secret_requests === 0) return false
  return previous_last_used_at === null || Date.parse(previous_last_used_at) < now_ms - QUIET_MS
}
