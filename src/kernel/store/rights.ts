import { unreachable } from '../unreachable.js'
import { ACTIONS, type Action } from './actions.js'
import type { RightsEvent } from './events.js'
import type { Subject } from './subject.js'

/** Returns the event for the callers whose rights a write may have changed; undefined if it changed none. */
export function rightsChangedBy(action: Action, subject: Subject): RightsEvent | undefined {
  const { rights } = ACTIONS[action]
  const { tenant_id } = subject
  switch (rights) {
    case 'none':
      return undefined
    case 'user':
    case 'session':
      return concerning({ user_id: userOf(subject) })
    case 'membership':
      return concerning({ tenant_id, user_id: userOf(subject) })
    case 'conversation':
      return concerning({ tenant_id, conversation_id: conversationOf(subject) })
    case 'conversation_member':
      return concerning({ tenant_id, conversation_id: conversationOf(subject), user_id: userOf(subject) })
    case 'key':
    case 'tenant':
      return concerning({ tenant_id })
    case 'everybody':
      return concerning({})
    default:
      return unreachable(rights)
  }
}

/** Whether an action can change a fact of authorisation. Members of conversations are data, and no facts. */
export function changesFacts(action: Action): boolean {
  const { rights } = ACTIONS[action]
  return rights !== 'none' && rights !== 'conversation' && rights !== 'conversation_member'
}

function concerning(whom: Partial<RightsEvent>): RightsEvent {
  return { kind: 'rights_changed', tenant_id: null, user_id: null, conversation_id: null, ...whom }
}

/** Returns the user of the subject, or null for every user. Checking too many connections is safe; too few is not. */
function userOf(subject: Subject): string | null {
  return 'user_id' in subject ? subject.user_id : null
}

function conversationOf(subject: Subject): string | null {
  return 'conversation_id' in subject ? subject.conversation_id : null
}
