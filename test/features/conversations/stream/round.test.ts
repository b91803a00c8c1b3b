import { Connection, type Ending } from '../../../../src/kernel/live/connection.js'
import { Obedience } from '../../../../src/kernel/live/obedience.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'

const CALLERS = 1_000
const NOW_MS = 1_800_000_000_000

function connectionOf(number: number, endings: Ending[]): Connection {
  const key_id = `key ${number}`
  return new Connection(
    {
      conversation_id: 'conversation',
      credential: {
        tenant_id: 'tenant',
        key_id,
        key_digest: new Uint8Array(32),
        session_id: null,
        user_id: null,
        token_expires_at_ms: null,
      },
      place: { address: '127.0.0.1', origin: undefined },
      standing: undefined as never,
      transport: {
        send: () => undefined,
        is_congested: false,
        drained: async () => undefined,
        end: (ending) => void endings.push(ending),
        tick: () => undefined,
      },
      onEnd: () => undefined,
    },
    NOW_MS,
  )
}

// Stops a change that concerns many from reaching some of them rounds later: a second is promised to each of them.
t.test('one round asks about everybody whom a change concerns, however many they are', async (t) => {
  const endings: Ending[] = []
  let at_once = 0
  let at_once_max = 0
  const obedience = new Obedience({
    facts: {
      async read() {
        at_once += 1
        at_once_max = Math.max(at_once_max, at_once)
        await new Promise((resolve) => setImmediate(resolve))
        at_once -= 1
        return { tenant: null, key: null, session: null, membership: null }
      },
    },
    log: { seen: async () => new Map(), after: async () => [] },
    clock: () => NOW_MS,
    log_error: (error) => t.fail(String(error)),
    onSeen: () => undefined,
  })
  const open = Array.from({ length: CALLERS }, (_, number) => connectionOf(number, endings))
  obedience.hear({ kind: 'rights_changed', tenant_id: 'tenant', user_id: null, conversation_id: null }, open)
  obedience.round()
  await until('all are ended', () => endings.length === CALLERS)
  t.ok(endings.every(({ problem }) => problem.code === 'invalid_tenant_credentials'))
  t.ok(at_once_max <= 8, 'and the database is not asked about all of them in one moment')
})
