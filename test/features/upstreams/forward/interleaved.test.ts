import { Pool } from 'undici'
import { seededRandom } from '../../../helpers/random.js'
import { t } from '../../../helpers/t.js'
import { keyHeaders } from '../../../helpers/world.js'
import { everything, startBehindGateway } from '../behind-gateway.js'
import { headerOf, startHostile } from './hostile.js'

const REQUESTS = 10_000
const AT_ONCE = 48
const ABORTED = 0.12

const hostile = await startHostile()
t.teardown(() => hostile.close())
const { gateway, world } = await startBehindGateway(t, [everything(hostile.origin)])

// Attack: aborts a request so that its response stays on a kept-alive connection. The next request there, of another
// tenant, would get that response.
t.test(`of ${REQUESTS} interleaved requests of two tenants, aborted at random, each gets its own answer`, async (t) => {
  const pool = new Pool(gateway.url, { connections: AT_ONCE, pipelining: 1 })
  t.teardown(() => pool.destroy())
  const tenants = [world.acme, world.globex]
  const random = seededRandom(t)
  const counts = { answered: 0, aborted: 0 }
  const wrong: string[] = []
  let next = 0

  async function work(): Promise<void> {
    while (next < REQUESTS) {
      const number = next++
      const tenant = tenants[number % 2] as { id: string; key: string }
      const marker = `m${number}-${random().toString(36).slice(2)}`
      const is_aborted = random() < ABORTED
      // Half of the aborted responses have already begun. For the other half the client still waits.
      const path = is_aborted || number % 10 === 0 ? `late/${number % 8}/${marker}` : `echo/${marker}`
      const body = number % 3 === 0 ? marker.repeat(1 + (number % 500)) : undefined
      const abort = new AbortController()
      if (is_aborted) setTimeout(() => abort.abort(), random() * 12)
      try {
        const answer = await pool.request({
          path: `/hostile/${path}`,
          method: body === undefined ? 'GET' : 'POST',
          headers: keyHeaders(tenant),
          body,
          signal: abort.signal,
        })
        const text = await answer.body.text()
        const said = answer.statusCode === 200 ? JSON.parse(text) : {}
        const is_mine =
          said.target?.endsWith(marker) === true &&
          headerOf({ raw_headers: said.headers }, 'x-gatehouse-tenant') === tenant.id &&
          said.body_bytes === (body?.length ?? 0)
        if (!is_mine) wrong.push(`${answer.statusCode} ${marker}: ${text.slice(0, 300)}`)
        counts.answered += 1
      } catch (error) {
        if (!abort.signal.aborted) wrong.push(`${marker}: ${error}`)
        counts.aborted += 1
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  t.same(wrong.slice(0, 3), [])
  t.equal(counts.answered + counts.aborted, REQUESTS)
  t.ok(counts.aborted > REQUESTS * ABORTED * 0.2, `${counts.aborted} were aborted`)
  t.ok(new Set(hostile.received.map(({ connection }) => connection)).size < REQUESTS / 2, 'connections were kept alive')
})
