import type { MembershipState } from '../members/table.js'
import type { OverrideFact } from '../permissions/evaluate.js'
import type { RoleFact } from '../permissions/roles.js'
import type { Database } from './database.js'
import { asUnavailable } from './errors.js'

/** Who a request claims to be; each part has passed what can be checked without the database. */
export interface Claims {
  readonly tenant_id: string | null
  readonly key_id: string | null
  readonly session_id: string | null
  readonly user_id: string | null
}

export interface TenantFact {
  readonly id: string
  readonly name: string
  readonly allowed_origins: readonly string[]
  readonly requests_per_minute: number | null
  readonly trial_ends_at: string | null
  readonly suspended_at: string | null
  readonly suspended_until: string | null
}

export interface KeyFact {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly secret_digest: Uint8Array
  readonly secret_created_at: string
  /** The secret before the last rotation; it works until the overlap is over. */
  readonly previous_digest: Uint8Array | null
  readonly previous_expires_at: string | null
  readonly allowed_cidrs: readonly string[] | null
  readonly requests_per_minute: number | null
  readonly expires_at: string | null
  readonly disabled_at: string | null
  readonly revoked_at: string | null
}

/** A session that is alive, of a user who is not disabled. */
export interface SessionFact {
  readonly id: string
  readonly user_id: string
  readonly expires_at: string
  readonly ended_at: string | null
  readonly user_disabled_at: string | null
  /** The privileges of the operator that this user is; null when the user is none. */
  readonly privileges: readonly string[] | null
}

export interface MembershipFact {
  readonly state: MembershipState
  readonly roles: readonly RoleFact[]
  readonly overrides: readonly OverrideFact[]
}

/** Everything that authorisation asks the database, of one moment. What was not found is null. */
export interface Facts {
  readonly tenant: TenantFact | null
  readonly key: KeyFact | null
  readonly session: SessionFact | null
  readonly membership: MembershipFact | null
}

const TENANT_FACT = `case when t.id is not null then json_build_object(
    'id', t.id, 'name', t.name, 'allowed_origins', t.allowed_origins, 'requests_per_minute', t.requests_per_minute,
    'trial_ends_at', t.trial_ends_at, 'suspended_at', t.suspended_at, 'suspended_until', t.suspended_until) end`

const KEY_FACT = `case when k.id is not null then json_build_object(
    'id', k.id, 'name', k.name, 'scopes', k.scopes, 'secret_digest', encode(k.secret_digest, 'hex'),
    'secret_created_at', k.secret_created_at, 'previous_digest', encode(k.previous_digest, 'hex'),
    'previous_expires_at', k.previous_expires_at, 'allowed_cidrs', k.allowed_cidrs,
    'requests_per_minute', k.requests_per_minute, 'expires_at', k.expires_at, 'disabled_at', k.disabled_at,
    'revoked_at', k.revoked_at) end`

const sessionFact = (privileges: string) => `case when s.id is not null then json_build_object(
    'id', s.id, 'user_id', s.user_id, 'expires_at', s.expires_at, 'ended_at', s.ended_at,
    'user_disabled_at', u.disabled_at, 'privileges', ${privileges}) end`

const MEMBERSHIP_FACT = `case when m.user_id is not null then json_build_object(
    'state', m.state,
    'roles', coalesce((
      select json_agg(json_build_object('name', r.name, 'system_role', r.system_role, 'scopes', r.scopes))
      from membership_roles mr join roles r on r.tenant_id = mr.tenant_id and r.id = mr.role_id
      where mr.tenant_id = m.tenant_id and mr.user_id = m.user_id), '[]'),
    'overrides', coalesce((
      select json_agg(json_build_object('scope', v.scope, 'effect', v.effect))
      from overrides v where v.tenant_id = m.tenant_id and v.user_id = m.user_id), '[]')) end`

/** Which claims a request makes: the statement asks for nothing else, for each table costs every request. */
interface Shape {
  readonly tenant: boolean
  readonly key: boolean
  readonly session: boolean
}

/**
 * One statement, so one round trip and one moment. Every join repeats the tenant: the key, the membership, its roles
 * and its overrides are those of the tenant that the request names, or they are not found. Operators are nobody where
 * a tenant is named: the worlds are apart.
 *
 * The answer is one JSON value in the shape of `Facts`: with every request the server builds it in less time than it
 * takes here to read thirty columns.
 */
function textOf({ tenant, key, session }: Shape): string {
  return `
select json_build_object(
  'tenant', ${tenant ? TENANT_FACT : 'null'},
  'key', ${key ? KEY_FACT : 'null'},
  'session', ${session ? sessionFact(tenant ? 'null' : 'o.privileges') : 'null'},
  'membership', ${tenant && session ? MEMBERSHIP_FACT : 'null'}) as facts
from (values ($1::uuid, $2::text, $3::uuid, $4::uuid)) as claim (tenant_id, key_id, session_id, user_id)
${tenant ? 'left join tenants t on t.id = $1::uuid and t.deleted_at is null' : ''}
${key ? 'left join tenant_keys k on k.tenant_id = t.id and k.id = $2::text' : ''}
${session ? 'left join sessions s on s.id = $3::uuid and s.user_id = $4::uuid left join users u on u.id = s.user_id' : ''}
${session && !tenant ? 'left join operators o on o.user_id = u.id' : ''}
${tenant && session ? 'left join memberships m on m.tenant_id = t.id and m.user_id = u.id' : ''}`
}

const texts = new Map<string, string>()

function textFor(claims: Claims): string {
  const shape = { tenant: claims.tenant_id !== null, key: claims.key_id !== null, session: claims.session_id !== null }
  const name = `${shape.tenant} ${shape.key} ${shape.session}`
  const known = texts.get(name) ?? textOf(shape)
  texts.set(name, known)
  return known
}

/**
 * Reads the facts of a request: the only module that does, so that a cache would stand here.
 * @throws Problem `service_unavailable` when the database does not answer: authorisation fails closed.
 */
export async function readFacts(database: Database, claims: Claims): Promise<Facts> {
  const values = [claims.tenant_id, claims.key_id, claims.session_id, claims.user_id]
  try {
    const [row] = await database.readOne(
      { role: 'gatehouse_platform' },
      { text: textFor(claims), values, row_mode: 'object' },
    )
    const { facts } = row as { facts: WrittenFacts }
    return { ...facts, key: facts.key && { ...facts.key, ...digestsOf(facts.key) } }
  } catch (error) {
    throw asUnavailable(error) ?? error
  }
}

/** The facts as JSON can hold them: digests are hex. */
interface WrittenFacts extends Omit<Facts, 'key'> {
  readonly key: (Omit<KeyFact, 'secret_digest' | 'previous_digest'> & WrittenDigests) | null
}

interface WrittenDigests {
  readonly secret_digest: string
  readonly previous_digest: string | null
}

function digestsOf({ secret_digest, previous_digest }: WrittenDigests) {
  return {
    secret_digest: Buffer.from(secret_digest, 'hex'),
    previous_digest: previous_digest === null ? null : Buffer.from(previous_digest, 'hex'),
  }
}

/** Whether the tenant may not act now: suspended without end or until later, or its trial is over. */
export function isSuspended(tenant: TenantFact, now_ms: number): boolean {
  if (tenant.trial_ends_at !== null && Date.parse(tenant.trial_ends_at) <= now_ms) return true
  if (tenant.suspended_at === null) return false
  return tenant.suspended_until === null || Date.parse(tenant.suspended_until) > now_ms
}

/** Whether the key is good at this moment; its secret is compared elsewhere. */
export function isKeyUsable(key: KeyFact, now_ms: number): boolean {
  if (key.revoked_at !== null || key.disabled_at !== null) return false
  return key.expires_at === null || Date.parse(key.expires_at) > now_ms
}

/** Whether the session lives: not ended, not over, its user not disabled. */
export function isSessionAlive(session: SessionFact, now_ms: number): boolean {
  return session.ended_at === null && session.user_disabled_at === null && Date.parse(session.expires_at) > now_ms
}
