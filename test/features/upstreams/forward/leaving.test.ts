import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { keyHeaders } from '../../../helpers/world.js'
import { everything, startBehindGateway } from '../behind-gateway.js'
import { startHostile } from './hostile.js'

const CALLERS = 10

const hostile = await startHostile()
t.teardown(() => hostile.close())
// A tenant may use two of the four connections.
const { gateway, world } = await startBehindGateway(t, [everything(hostile.origin, { connections_max: 4 })])

/** Requests a path, waits for a part of the response and disconnects. Returns the status. */
async function comeAndGo(path: string): Promise<number> {
  const asked = request(`${gateway.url}/hostile/${path}`, { headers: keyHeaders(world.acme) })
  asked.on('error', () => undefined)
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  answer.on('error', () => undefined)
  await once(answer, 'data')
  asked.destroy()
  return answer.statusCode ?? 0
}

// Attack: requests endless responses and leaves each of them at once. A connection to the service that stayed open, or a
// new one in its place, would occupy the service for every client that ever came.
for (const path of ['endless-length', 'endless-close', 'endless-chunks', 'gigabyte']) {
  t.test(`200 more clients than connections come and go during /${path}, and the service has none left`, async (t) => {
    const before = hostile.accepted()
    for (let caller = 0; caller < CALLERS; caller += 1) {
      t.equal(await comeAndGo(path), 200)
      await until('the connection to the service is closed', () => hostile.connections() === 0)
    }
    t.equal(hostile.accepted() - before, CALLERS, 'one connection for each request')
  })
}
