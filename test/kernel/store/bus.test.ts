import { openBus } from '../../../src/kernel/store/bus.js'
import type { LiveEvent } from '../../../src/kernel/store/events.js'
import { t } from '../../helpers/t.js'

const EVENT: LiveEvent = { kind: 'rights_changed', tenant_id: null, user_id: null, conversation_id: null }

t.test('every listener gets the events that are published while it is subscribed', async (t) => {
  const bus = openBus((error) => t.fail(String(error)))
  const heard: string[] = []
  const stop = bus.subscribe(() => heard.push('first'))
  bus.subscribe(() => heard.push('second'))
  bus.publish(EVENT)
  stop()
  stop()
  bus.publish(EVENT)
  t.same(heard, ['first', 'second', 'second'])
})

// A listener that throws must not fail a request whose change is committed, and must not keep events from the others.
t.test('the bus reports a listener that throws, and the writer and the other listeners are not affected', async (t) => {
  const errors: unknown[] = []
  const bus = openBus((error) => errors.push(error))
  let heard = 0
  bus.subscribe(() => {
    throw new Error('broken')
  })
  bus.subscribe(() => {
    heard += 1
  })
  bus.publish(EVENT)
  t.equal(heard, 1)
  t.match(errors, [{ message: 'broken' }])
})
