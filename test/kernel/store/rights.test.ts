import { ACTIONS, type Action } from '../../../src/kernel/store/actions.js'
import type { Subject } from '../../../src/kernel/store/audit-record.js'
import { rightsChangedBy } from '../../../src/kernel/store/rights.js'
import { t } from '../../helpers/t.js'

const TENANT = 'a-tenant'
const of = (kind: string, id: string | null, more: Partial<Subject> = {}): Subject => ({
  kind,
  id,
  tenant_id: TENANT,
  changes: {},
  ...more,
})

// Stops a right from outliving its end on an open connection because somebody forgot to list an action.
t.test('every action that takes something away makes connections ask again', async (t) => {
  const taking = (Object.keys(ACTIONS) as Action[]).filter((action) =>
    /(removed|revoked|rotated|disabled|locked_down|suspended|ended|deleted|updated|set|changed|reset)$/.test(action),
  )
  const silent = taking.filter((action) => rightsChangedBy(action, of('thing', 'x')) === undefined)
  t.same(silent, ['customer.updated', 'customer.deleted', 'message.updated', 'message.deleted'])
  t.ok(taking.length > 20, taking.join())
})

t.test('it concerns the one whom the subject names, or else everybody there', async (t) => {
  const event = { kind: 'rights_changed', tenant_id: TENANT, user_id: null, conversation_id: null }
  t.same(rightsChangedBy('member.removed', of('member', 'u')), { ...event, user_id: 'u' })
  t.same(rightsChangedBy('override.set', of('override', 'u/agents:view')), { ...event, user_id: 'u' })
  t.same(rightsChangedBy('tenant_key.revoked', of('tenant_key', 'k')), event)
  t.same(rightsChangedBy('role.updated', of('role', 'r')), event)
  t.same(rightsChangedBy('conversation.updated', of('conversation', 'c')), { ...event, conversation_id: 'c' })
  t.same(rightsChangedBy('conversation_member.removed', of('conversation_member', 'c/u')), {
    ...event,
    user_id: 'u',
    conversation_id: 'c',
  })
  const session = of('session', 's', { tenant_id: null, user_id: 'u' })
  t.same(rightsChangedBy('session.ended', session), { ...event, tenant_id: null, user_id: 'u' })
  t.same(rightsChangedBy('tenant.locked_down', of('tenant', TENANT)), { ...event, tenant_id: null })
})
