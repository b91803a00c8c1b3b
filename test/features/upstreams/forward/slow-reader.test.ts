import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { keyHeaders } from '../../../helpers/world.js'
import { everything, startBehindGateway } from '../behind-gateway.js'
import { startHostile } from './hostile.js'

/** How long a caller may leave what it was sent unread, and how long that is here. */
const DRAIN_MS_MAX = 30_000
const SHORT_MS = 2_000

// Nobody waits half a minute for this: that one wait is shortened, and is known by its length.
const { setTimeout } = globalThis
t.teardown(() => Object.assign(globalThis, { setTimeout }))
let waits = 0
const shortened = (task: (...all: unknown[]) => void, milliseconds?: number, ...more: unknown[]) => {
  if (milliseconds !== DRAIN_MS_MAX) return setTimeout(task, milliseconds, ...more)
  waits += 1
  return setTimeout(task, SHORT_MS)
}
Object.assign(globalThis, { setTimeout: Object.assign(shortened, setTimeout) })

const hostile = await startHostile()
t.teardown(() => hostile.close())
const { gateway, world } = await startBehindGateway(t, [everything(hostile.origin, { connections_max: 2 })])

/** Asks for a gigabyte, and reads nothing of it yet. */
async function askForMuch(): Promise<IncomingMessage> {
  const asked = request(`${gateway.url}/hostile/gigabyte`, { headers: keyHeaders(world.acme) })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return answer.pause().on('error', () => undefined)
}

// Attack: asks for much and reads nothing, on as many connections as a tenant may have, and the service has none left.
t.test('whoever does not read is cut off, and gives back the connection to the upstream', async (t) => {
  const answer = await askForMuch()
  await until('the gateway waits for its reader', () => waits > 0)
  t.equal(hostile.connections(), 1)
  // Kernels take some of it now and then, which counts as reading.
  await until('the upstream is let go', () => hostile.connections() === 0, { within_ms: 60_000 })
  answer.resume()
  await until('the answer breaks off', () => answer.destroyed)
  t.notOk(answer.complete, 'and does not look whole')
})

t.test('200 whoever pauses for less than that, again and again, goes on reading', async (t) => {
  const began_at_ms = performance.now()
  const answer = await askForMuch()
  answer.on('data', () => undefined)
  while (performance.now() - began_at_ms < 2 * SHORT_MS) {
    answer.pause()
    // The pause itself: what happens meanwhile is that nothing happens.
    await sleep(SHORT_MS / 8)
    const before = waits
    answer.resume()
    await until('all that waited was taken, and the next waits', () => waits > before)
  }
  t.notOk(answer.destroyed)
  answer.destroy()
})
