import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { keyHeaders } from '../../../helpers/world.js'
import { everything, startBehindGateway } from '../behind-gateway.js'
import { startHostile } from './hostile.js'

/** How long a client may leave its response unread, and the shorter time in this file. */
const DRAIN_MS_MAX = 30_000
const SHORT_MS = 2_000

// A test cannot wait 30 s, so this file shortens that one timer. Its length identifies it.
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

/** Requests one gigabyte and pauses the response. */
async function askForMuch(): Promise<IncomingMessage> {
  const asked = request(`${gateway.url}/hostile/gigabyte`, { headers: keyHeaders(world.acme) })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return answer.pause().on('error', () => undefined)
}

// Attack: requests a large response and does not read it, on as many connections as a tenant may have. The upstream
// would have no connection left.
t.test('a client that does not read is disconnected, and its upstream connection is released', async (t) => {
  const answer = await askForMuch()
  await until('the gateway waits for the client to read', () => waits > 0)
  t.equal(hostile.connections(), 1)
  // The kernel buffers take some bytes now and then, which counts as reading.
  await until('the upstream connection is closed', () => hostile.connections() === 0, { within_ms: 60_000 })
  answer.resume()
  await until('the response is cut off', () => answer.destroyed)
  t.notOk(answer.complete, 'the client can detect that the response is incomplete')
})

t.test('200 a client that pauses for less than the limit, again and again, can read on', async (t) => {
  const began_at_ms = performance.now()
  const answer = await askForMuch()
  answer.on('data', () => undefined)
  while (performance.now() - began_at_ms < 2 * SHORT_MS) {
    answer.pause()
    // This sleep is the pause of the client.
    await sleep(SHORT_MS / 8)
    const before = waits
    answer.resume()
    await until('the client took the waiting bytes, and the gateway waits again', () => waits > before)
  }
  t.notOk(answer.destroyed)
  answer.destroy()
})
