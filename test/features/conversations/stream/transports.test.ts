import { EventEmitter } from 'node:events'
import { EventStream } from '../../../../src/kernel/live/event-stream.js'
import { ready } from '../../../../src/kernel/live/frames.js'
import type { Live } from '../../../../src/kernel/live/live.js'
import { waitForChange } from '../../../../src/kernel/live/long-poll.js'
import { Problem } from '../../../../src/kernel/problems/problems.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'

// A write after the end of a stream would emit an error that no handler catches, which would end the process.
t.test('an ended event stream sends nothing more, and is destroyed if its client does not read', async (t) => {
  const written: string[] = []
  const response = Object.assign(new EventEmitter(), {
    writableEnded: false,
    destroyed: false,
    write: (chunk: Buffer) => written.push(String(chunk)),
    end(chunk: Buffer) {
      response.write(chunk)
      response.writableEnded = true
    },
    destroy() {
      response.destroyed = true
    },
  })
  const reply = { raw: response, request: { id: 'request' } }
  const stream = new EventStream(reply as never, 'http://gateway.test', 0)
  stream.send(ready({ last_seq: 1, last_change: 1 }, 1))
  stream.end({ problem: new Problem('connection_slow') })
  stream.send(ready({ last_seq: 2, last_change: 2 }, 2))
  t.equal(written.length, 2)
  t.match(written[1], /connection_slow/)
  await until('the response is destroyed', () => response.destroyed)
})

t.test('a poll that is refused while it looks up its position rejects with that refusal', async (t) => {
  let reached: () => void = () => undefined
  const refusal = new Problem('invalid_token')
  const live = {
    clock: () => 0,
    admit: async () => ({ conversation_id: 'conversation', end: { last_seq: 1, last_change: 1 } }),
    open(_request: unknown, _admission: unknown, transport: { end(ending: { problem: Problem }): void }) {
      setImmediate(() => {
        transport.end({ problem: refusal })
        // The refusal must be kept, because no code awaits it in this turn or in the next.
        setImmediate(() => setImmediate(() => reached()))
      })
      const follower = {
        position: 1,
        last_seq: 1,
        listen: () => undefined,
        leave: () => undefined,
        reach: () =>
          new Promise<void>((resolve) => {
            reached = resolve
          }),
      }
      return { connection: { gone: () => undefined }, follower }
    },
  }
  const request = { raw: { socket: new EventEmitter() } }
  await t.rejects(waitForChange(live as unknown as Live, request as never, 'conversation', { change: 1 }, 25), refusal)
})
