import { openBus } from '../../../src/kernel/store/bus.js'
import type { LiveEvent } from '../../../src/kernel/store/events.js'
import { t } from '../../helpers/t.js'

const EVENT: LiveEvent = { kind: 'rights_changed', tenant_id: null, user_id: null, conversation_id: null }

t.test('every listener hears what is published while it listens', async (t) => {
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

// Stops one broken listener from failing a request whose change was committed, and from making the others deaf.
t.test('a listener that throws is told of, and neither the writer nor the other listeners notice', async (t) => {
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
