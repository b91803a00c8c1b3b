import type { Action } from './actions.js'
import type { Subject } from './audit-record.js'
import type { RightsEvent } from './events.js'

/**
 * Writes that take nothing from anybody: the data plane, and what adds a session or notes a refusal. Every other one
 * makes open connections ask again whether they may stay, so that an action that is forgotten here costs a question,
 * and not a right that outlives its end.
 */
const HARMLESS: ReadonlySet<Action> = new Set<Action>([
  'customer.created',
  'customer.updated',
  'customer.deleted',
  'session.started',
  'session.refreshed',
  'sessions.swept',
  'login.failed',
  'request.refused',
  'budget.exceeded',
  'user.registered',
  'user.created',
  'user.email_verification_sent',
  'user.password_reset_sent',
  'tenant.created',
  'tenant_key.created',
  'invitation.created',
  'invitation.resent',
  'invitation.declined',
  'conversation.created',
  'conversation.handed_off',
  'conversation.read',
  'message.created',
  'message.updated',
  'message.deleted',
  'message_report.created',
  'message_report.reviewed',
  'message_report.dismissed',
  'stream_ticket.created',
])

/** Writes that reach beyond the tenant that they name: a lockdown ends sessions that are used in other tenants too. */
const FAR_REACHING: ReadonlySet<Action> = new Set<Action>(['tenant.locked_down'])

/** Whose rights a write may have changed; undefined when it cannot have changed any. */
export function rightsChangedBy(action: Action, subject: Subject): RightsEvent | undefined {
  if (HARMLESS.has(action)) return undefined
  const tenant_id = FAR_REACHING.has(action) ? null : subject.tenant_id
  return { kind: 'rights_changed', tenant_id, ...concernedBy(subject) }
}

/** One user or one conversation, where the subject names it; otherwise everybody in the tenant, or everybody. */
function concernedBy({ kind, id, user_id }: Subject): Pick<RightsEvent, 'user_id' | 'conversation_id'> {
  const [first = null, second = null] = id?.split('/') ?? []
  switch (kind) {
    case 'user':
    case 'member':
    case 'override':
      return { user_id: first, conversation_id: null }
    case 'conversation':
      return { user_id: null, conversation_id: first }
    case 'conversation_member':
      return { user_id: second, conversation_id: first }
    default:
      return { user_id: user_id ?? null, conversation_id: null }
  }
}
