import { hash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { v7 as uuidv7 } from 'uuid'
import type { ActorKind } from '../../contract/kinds.js'
import type { Queries } from '../database/queries.js'
import { addressBucket } from '../limits/address.js'
import { unreachable } from '../unreachable.js'
import type { Action } from './actions.js'
import { type Subject, targetIdOf } from './subject.js'

/** What an actor proved itself with. A writer can check it again under its lock. The audit does not hold it. */
export interface Proof {
  /** The session of the access token; null for a key alone. */
  readonly session_id: string | null
  /** SHA-256 of the secret of the tenant key; null for a request without a key. */
  readonly key_digest: Uint8Array | null
}

/** Who acts, and from where. Every audit event holds it next to the change. */
export interface Origin {
  readonly actor: { readonly kind: ActorKind; readonly id: string | null }
  /** Absent for an actor that sends no credentials: the gateway itself, or an anonymous client. */
  readonly proof?: Proof
  readonly address: string | null
  readonly user_agent: string | null
  readonly request_id: string | null
}

/** The author of a change that the gateway, a job or a command makes by itself. The name identifies it. */
export function systemOrigin(name: string): Origin {
  return { actor: { kind: 'system', id: name }, address: null, user_agent: null, request_id: null }
}

/** Returns the share of the database that an operation on the platform uses: its actor, or its address if it has none. */
export function shareOfOrigin({ actor, address }: Origin): string {
  return actor.id === null
    ? `address ${address === null ? 'none' : addressBucket(address)}`
    : `${actor.kind} ${actor.id}`
}

/** Returns the user who acts; null for an actor that is not a user. */
export function actingUser({ kind, id }: Origin['actor']): string | null {
  switch (kind) {
    case 'user':
    case 'operator':
      return id
    case 'key':
    case 'anonymous':
    case 'system':
      return null
    default:
      return unreachable(kind)
  }
}

/** An audit event, as it is stored, exported and hashed. */
export interface AuditEvent {
  readonly id: string
  readonly tenant_id: string | null
  readonly action: string
  readonly actor_kind: string
  readonly actor_id: string | null
  readonly target_kind: string
  readonly target_id: string | null
  readonly changes: Readonly<Record<string, unknown>>
  readonly address: string | null
  readonly user_agent: string | null
  readonly request_id: string | null
  readonly created_at: string
}

/** A fixed text, because every write ends with it, and building it took as long as running it. */
const APPEND = 'select append_audit_event($1::jsonb, $2)'
const USER_AGENT_CHARACTERS_MAX = 256

/**
 * Appends an audit event to its chain, in the transaction of the change. It must be the last statement, because it locks
 * the end of the chain until the commit.
 */
export async function recordEvent(
  queries: Queries,
  action: Action,
  subject: Subject,
  origin: Origin,
  created_at: string,
): Promise<void> {
  const { is_confidential = false } = subject
  const event: AuditEvent = {
    id: uuidv7(),
    tenant_id: subject.tenant_id,
    action,
    actor_kind: origin.actor.kind,
    actor_id: is_confidential ? null : origin.actor.id,
    target_kind: subject.kind,
    target_id: targetIdOf(subject),
    changes: subject.changes,
    address: is_confidential ? null : origin.address,
    user_agent: is_confidential ? null : (origin.user_agent?.slice(0, USER_AGENT_CHARACTERS_MAX) ?? null),
    request_id: origin.request_id,
    created_at,
  }
  const written = JSON.stringify(event)
  await queries.run({ text: APPEND, values: [written, digestOfEvent(JSON.parse(written))], row_mode: 'object' })
}

/** Returns the SHA-256 of an event in canonical JSON (RFC 8785). A reader of an export can compute it too. */
export function digestOfEvent(event: AuditEvent): Buffer {
  return hash('sha256', canonicalize(event) ?? '', 'buffer')
}
