import { LOWER_CASE_UUID } from '../ids/uuid.js'
import { unreachable } from '../unreachable.js'

/** What a write acted on, by the ids that name it. Ids that the audit does not keep say whose rights it concerns. */
export type Target =
  | CustomerTarget
  | { readonly kind: 'conversation'; readonly conversation_id: string }
  | { readonly kind: 'conversation_member'; readonly conversation_id: string; readonly user_id: string }
  | { readonly kind: 'member' | 'operator' | 'user'; readonly user_id: string }
  | { readonly kind: 'override'; readonly user_id: string; readonly scope: string }
  /** `user_id` is the user who answered the invitation; null for a change by the tenant. */
  | { readonly kind: 'invitation'; readonly id: string; readonly user_id: string | null }
  /** Both are null for a deletion of many sessions. */
  | { readonly kind: 'session'; readonly id: string | null; readonly user_id: string | null }
  | { readonly kind: 'tenant'; readonly tenant_id: string }
  | { readonly kind: PlainKind; readonly id: string }
  /** A request that the gateway refused. */
  | { readonly kind: 'request' }

/** Kinds whose changes concern the rights of no user in particular: one id is enough. */
type PlainKind = 'message' | 'message_report' | 'role' | 'stream_ticket' | 'tenant_key'

type CustomerTarget = { readonly kind: 'customer'; readonly id: string }

/**
 * The names of changed fields, without their values. Members who read the audit may lack the right to read customers, and
 * operators always lack it. And the audit keeps its events after the customer is deleted.
 */
export type ChangedFields = {
  readonly fields: readonly string[]
  /** How much text was erased together with the customer. */
  readonly erased?: ErasedText
}

/** Numbers of rows whose text was erased. */
export interface ErasedText {
  readonly conversations: number
  readonly messages: number
  readonly reports: number
}

/** What a write acted on, and what it changed of it, without secrets. */
export type Subject = (
  | (CustomerTarget & { readonly changes: ChangedFields })
  | (Exclude<Target, CustomerTarget> & { readonly changes: Readonly<Record<string, unknown>> })
) & {
  /** The tenant that the change concerns; null for the platform alone. */
  readonly tenant_id: string | null
  /** Whether the audit leaves out the actor and their network. Set to protect the actor from those who read the audit. */
  readonly is_confidential?: boolean
}

/**
 * Checks that a subject is named by the ids of its rows. A parameter can be another spelling of an id: PostgreSQL finds the
 * row by it, but the digest of the audit event, the filters of the audit and the connections compare ids as text. The write
 * fails and is rolled back, because an event under another name could never be corrected.
 *
 * @throws Error
 */
export function assertNamedByRow(subject: Subject): void {
  for (const [name, id] of idsOf(subject)) {
    if (id !== null && !LOWER_CASE_UUID.test(id))
      throw new Error(`a ${subject.kind} is named by a ${name} that no row has`)
  }
}

/** The ids of a subject that are UUIDs. The id of a key is text that the gateway compares as it is. */
function idsOf(subject: Subject): [string, string | null][] {
  const names = subject.kind === 'tenant_key' ? ['tenant_id'] : ['id', 'user_id', 'conversation_id', 'tenant_id']
  const named = subject as unknown as Readonly<Record<string, string | null | undefined>>
  return names.map((name) => [name, named[name] ?? null])
}

/** The `target_id` of an audit event: the id of the subject, or two ids with a slash between them. */
export function targetIdOf(target: Target): string | null {
  switch (target.kind) {
    case 'conversation':
      return target.conversation_id
    case 'conversation_member':
      return `${target.conversation_id}/${target.user_id}`
    case 'member':
    case 'operator':
    case 'user':
      return target.user_id
    case 'override':
      return `${target.user_id}/${target.scope}`
    case 'tenant':
      return target.tenant_id
    case 'request':
      return null
    case 'customer':
    case 'invitation':
    case 'message':
    case 'message_report':
    case 'role':
    case 'session':
    case 'stream_ticket':
    case 'tenant_key':
      return target.id
    default:
      return unreachable(target)
  }
}
