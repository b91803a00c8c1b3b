import { ACTIONS, type Action } from '../../../src/kernel/store/actions.js'
import type { RightsEvent } from '../../../src/kernel/store/events.js'
import { rightsChangedBy } from '../../../src/kernel/store/rights.js'
import { type Subject, type Target, targetIdOf } from '../../../src/kernel/store/subject.js'
import { t } from '../../helpers/t.js'

const TENANT = 'a-tenant'
const of = (target: Target, tenant_id: string | null = TENANT) => ({ tenant_id, changes: {}, ...target }) as Subject

// Attack: a caller keeps an open connection after losing a right, because the list says that the action changes no
// rights.
t.test('every action that removes a right makes connections check their rights again', async (t) => {
  const taking = (Object.keys(ACTIONS) as Action[]).filter((action) =>
    /(removed|revoked|rotated|disabled|locked_down|suspended|ended|deleted|updated|set|changed|reset)$/.test(action),
  )
  const silent = taking.filter((action) => ACTIONS[action].rights === 'none')
  t.same(silent, ['customer.updated', 'customer.deleted', 'message.updated', 'message.deleted', 'invitation.revoked'])
  t.ok(taking.length > 20, taking.join())
})

t.test('the event names the callers that follow from the action and from the ids of its subject', async (t) => {
  const event = { kind: 'rights_changed', tenant_id: TENANT, user_id: null, conversation_id: null }
  const user_id = 'u'
  const conversation_id = 'c'
  const cases: [Action, Subject, Partial<RightsEvent> | undefined][] = [
    ['message.created', of({ kind: 'message', id: 'm' }), undefined],
    ['member.removed', of({ kind: 'member', user_id }), { user_id }],
    ['override.set', of({ kind: 'override', user_id, scope: 'agents:view' }), { user_id }],
    ['invitation.accepted', of({ kind: 'invitation', id: 'i', user_id }), { user_id }],
    ['tenant_key.revoked', of({ kind: 'tenant_key', id: 'k' }), {}],
    ['role.updated', of({ kind: 'role', id: 'r' }), {}],
    ['conversation.updated', of({ kind: 'conversation', conversation_id }), { conversation_id }],
    [
      'conversation_member.removed',
      of({ kind: 'conversation_member', conversation_id, user_id }),
      { user_id, conversation_id },
    ],
    ['session.ended', of({ kind: 'session', id: 's', user_id }, null), { tenant_id: null, user_id }],
    ['operator.removed', of({ kind: 'operator', user_id }, null), { tenant_id: null, user_id }],
    ['tenant.suspended', of({ kind: 'tenant', tenant_id: TENANT }), {}],
    // A lockdown ends sessions, which are valid in other tenants too.
    ['tenant.locked_down', of({ kind: 'tenant', tenant_id: TENANT }), { tenant_id: null }],
  ]
  for (const [action, subject, expected] of cases) {
    t.same(rightsChangedBy(action, subject), expected && { ...event, ...expected }, action)
  }
})

t.test('an action for one user whose subject has no user id concerns every user', async (t) => {
  const event = rightsChangedBy('member.removed', of({ kind: 'role', id: 'r' }))
  t.same(event, { kind: 'rights_changed', tenant_id: TENANT, user_id: null, conversation_id: null })
})

t.test('the target id in the audit is one id, two ids with a slash between them, or null', async (t) => {
  const user_id = 'u'
  t.equal(targetIdOf({ kind: 'customer', id: 'x' }), 'x')
  t.equal(targetIdOf({ kind: 'member', user_id }), 'u')
  t.equal(targetIdOf({ kind: 'tenant', tenant_id: TENANT }), TENANT)
  t.equal(targetIdOf({ kind: 'session', id: 's', user_id }), 's')
  t.equal(targetIdOf({ kind: 'session', id: null, user_id: null }), null)
  t.equal(targetIdOf({ kind: 'override', user_id, scope: 'agents:view' }), 'u/agents:view')
  t.equal(targetIdOf({ kind: 'conversation_member', conversation_id: 'c', user_id }), 'c/u')
  t.equal(targetIdOf({ kind: 'request' }), null)
})
