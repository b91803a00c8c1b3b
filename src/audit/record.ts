import { v7 as uuidv7 } from 'uuid'
import type { Queries } from '../storage/queries.js'
import type { Action } from './actions.js'
import { audit_events } from './table.js'

/** Who acts, and from where: what every audit event says beside the change itself. */
export interface Origin {
  readonly actor: { readonly kind: 'user' | 'key' | 'operator' | 'anonymous' | 'system'; readonly id: string | null }
  readonly address: string | null
  readonly user_agent: string | null
  readonly request_id: string | null
}

/** What was acted on, and what changed of it, without secrets. */
export interface Subject {
  readonly kind: string
  readonly id: string | null
  /** The tenant that it concerns; null for the platform alone. */
  readonly tenant_id: string | null
  readonly changes: Readonly<Record<string, unknown>>
}

const USER_AGENT_CHARACTERS_MAX = 256

/** Writes one audit event, in the transaction of the change that it tells of. */
export async function recordEvent(
  queries: Queries,
  action: Action,
  subject: Subject,
  origin: Origin,
  created_at: string,
): Promise<void> {
  await queries.insert(audit_events).values({
    id: uuidv7(),
    tenant_id: subject.tenant_id,
    action,
    actor_kind: origin.actor.kind,
    actor_id: origin.actor.id,
    target_kind: subject.kind,
    target_id: subject.id,
    changes: { ...subject.changes },
    address: origin.address,
    user_agent: origin.user_agent?.slice(0, USER_AGENT_CHARACTERS_MAX) ?? null,
    request_id: origin.request_id,
    created_at,
  })
}
