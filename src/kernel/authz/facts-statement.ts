import type { Facts, KeyFact } from './facts.js'
import { overridesHeldBy, rolesHeldBy } from './membership.js'

const TENANT_FACT = `case when t.id is not null then json_build_object(
    'id', t.id, 'name', t.name, 'allowed_origins', t.allowed_origins, 'requests_per_minute', t.requests_per_minute,
    'trial_ends_at', t.trial_ends_at, 'suspended_at', t.suspended_at, 'suspended_until', t.suspended_until,
    'suspension_reason', t.suspension_reason) end`

const KEY_FACT = `case when k.id is not null then json_build_object(
    'id', k.id, 'name', k.name, 'scopes', k.scopes, 'secret_digest', encode(k.secret_digest, 'hex'),
    'secret_created_at', k.secret_created_at, 'previous_digest', encode(k.previous_digest, 'hex'),
    'previous_expires_at', k.previous_expires_at, 'allowed_cidrs', k.allowed_cidrs,
    'requests_per_minute', k.requests_per_minute, 'expires_at', k.expires_at, 'disabled_at', k.disabled_at,
    'revoked_at', k.revoked_at) end`

const userFact = (privileges: string) => `case when u.id is not null then json_build_object(
    'id', u.id, 'disabled_at', u.disabled_at, 'privileges', ${privileges}) end`

const SESSION_FACT = `case when s.id is not null then json_build_object(
    'id', s.id, 'expires_at', s.expires_at, 'ended_at', s.ended_at) end`

const MEMBERSHIP_FACT = `case when m.user_id is not null then json_build_object(
    'state', m.state, 'roles', ${rolesHeldBy('m', 'decide')}, 'overrides', ${overridesHeldBy('m', 'decide')}) end`

/** The claims that a request makes. The statement joins only the tables of these claims, because each join costs time. */
export interface Shape {
  readonly tenant: boolean
  readonly key: boolean
  /** `session`: the user of a session. `id`: a user about whom another caller asks; that user may have no session. */
  readonly user: 'session' | 'id' | undefined
}

const USER_JOINS = {
  session:
    'left join sessions s on s.id = c.session_id and s.user_id = c.user_id left join users u on u.id = s.user_id',
  id: 'left join users u on u.id = c.user_id',
}

/**
 * Reads the facts of many requests in one statement, so all of them are from the same moment. Each request has one row,
 * found by its position. Every join repeats the tenant, so the statement finds the key, the membership, its roles and its
 * overrides only in the tenant that the request names. If the request names a tenant, the statement reads no operator.
 *
 * Each row is one JSON value in the shape of `Facts`. PostgreSQL builds it in less time than this process needs to read
 * thirty columns.
 */
export function factsStatement({ tenant, key, user }: Shape): string {
  return `
select c.position, json_build_object(
  'tenant', ${tenant ? TENANT_FACT : 'null'},
  'key', ${key ? KEY_FACT : 'null'},
  'user', ${user === undefined ? 'null' : userFact(tenant ? 'null' : 'o.privileges')},
  'session', ${user === 'session' ? SESSION_FACT : 'null'},
  'membership', ${tenant && user !== undefined ? MEMBERSHIP_FACT : 'null'}) as facts
from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[])
  with ordinality as c (tenant_id, key_id, session_id, user_id, position)
${tenant ? 'left join tenants t on t.id = c.tenant_id and t.deleted_at is null' : ''}
${key ? 'left join tenant_keys k on k.tenant_id = t.id and k.id = c.key_id' : ''}
${user === undefined ? '' : USER_JOINS[user]}
${user !== undefined && !tenant ? 'left join operators o on o.user_id = u.id' : ''}
${tenant && user !== undefined ? 'left join memberships m on m.tenant_id = t.id and m.user_id = u.id' : ''}`
}

/** A row of the statement. JSON has no binary values, so digests are hexadecimal text. */
export interface FactsRow {
  /** Counted from 1. */
  readonly position: number
  readonly facts: Omit<Facts, 'key'> & {
    readonly key: (Omit<KeyFact, 'secret_digest' | 'previous_digest'> & WrittenDigests) | null
  }
}

interface WrittenDigests {
  readonly secret_digest: string
  readonly previous_digest: string | null
}

/** Converts the facts of a row to the types of `Facts`. */
export function factsOf({ facts }: FactsRow): Facts {
  const { key } = facts
  if (key === null) return facts as Facts
  const { secret_digest, previous_digest } = key
  return {
    ...facts,
    key: {
      ...key,
      secret_digest: Buffer.from(secret_digest, 'hex'),
      previous_digest: previous_digest === null ? null : Buffer.from(previous_digest, 'hex'),
    },
  }
}
