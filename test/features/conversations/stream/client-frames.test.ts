import { ClientFrames } from '../../../../src/features/conversations/stream/client-frames.js'
import type { Connection, Ending } from '../../../../src/kernel/live/connection.js'
import { t } from '../../../helpers/t.js'

// Attack: sends 10,000 pings in one packet. The frames after the one that closed the connection must cost nothing, or
// other clients wait.
t.test('frames after the close of a connection are ignored', async (t) => {
  const endings: Ending[] = []
  let asked = 0
  let sent = 0
  const connection = {
    get is_open() {
      return endings.length === 0
    },
    end: (ending: Ending) => void endings.push(ending),
  }
  const parts = {
    bus: undefined as never,
    limiter: undefined as never,
    clock: () => {
      asked += 1
      return 1_800_000_000_000
    },
    public_url: 'http://gateway.test',
  }
  const socket = {
    send: () => {
      sent += 1
    },
  }
  const frames = new ClientFrames(parts, socket as never, connection as unknown as Connection, 'request')
  for (let count = 0; count < 100; count += 1) frames.countControl()
  t.equal(endings.length, 1)
  t.equal(endings[0]?.problem.code, 'rate_limited')
  const before = { asked, sent }
  for (let count = 0; count < 10_000; count += 1) frames.countControl()
  await frames.onFrame(Buffer.from('no json'), false)
  t.same({ asked, sent }, before)
})
