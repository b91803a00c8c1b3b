import { isDeepStrictEqual } from 'node:util'
import { load, type Wanted } from './load.js'
import { Opened } from './opened.js'
import { openScratch, pinBackends } from './scratch.js'
import { type Server, startGateway, startScript } from './servers.js'
import { inWords, sideBySide } from './side-by-side.js'
import type { Suite } from './suite.js'
import { buildWorld, type World } from './world.js'

/** The same request to the gateway and to a bare server. */
interface Pair extends Wanted {
  readonly name: string
  /** The target: the rate of the gateway divided by the rate of the bare server. */
  readonly at_least?: number
}

/** Lists, reads and creates customers, compared with Fastify and pg alone. */
export const customers: Suite = {
  name: 'customers',
  needs: 'PostgreSQL',
  async *run(flags, signal) {
    const opened = new Opened()
    try {
      const scratch = opened.add(await openScratch())
      const gateway = opened.add(await startGateway(scratch.gateway_url))
      const bare = opened.add(await startScript('bare.ts', { DATABASE_URL: scratch.owner_url }))
      const world = await buildWorld(scratch, gateway.url)
      for (const pair of pairsOf(world).filter(({ name }) => name.includes(flags.only))) {
        if (pair.body === undefined) await checkSame(pair, gateway, bare)
        const sides = [
          { ...pair, server: gateway },
          { ...pair, server: bare },
        ] as const
        // After this, every connection of both pools is open.
        for (const side of sides) await load(side.server.url, side, { ...flags, seconds: 1 }, signal)
        await pinBackends(scratch.owner_url)
        const [ours, theirs] = await sideBySide(sides, flags, signal)
        yield {
          name: pair.name,
          measured: `gateway ${inWords(ours)} | bare ${inWords(theirs)}`,
          figure: ours.rate / theirs.rate,
          unit: 'ratio',
          target: { at_least: pair.at_least },
        }
      }
    } finally {
      await opened.close()
    }
  },
}

function pairsOf({ user, integration, customer_id }: World): readonly Pair[] {
  const body = JSON.stringify({ name: 'Ada Adeyemi', tags: ['vip'], metadata: { city: 'Oslo', orders: 3 } })
  const list = '/v1/customers?limit=20'
  // Writes are last, because they add rows to the lists.
  return [
    { name: `GET ${list}`, path: list, headers: user, at_least: 0.45 },
    { name: `GET ${list}, key alone`, path: list, headers: integration },
    { name: 'GET /v1/customers/{id}', path: `/v1/customers/${customer_id}`, headers: user },
    { name: 'POST /v1/customers', path: '/v1/customers', headers: user, body },
  ]
}

/** Compares the responses of both servers. Rates can only be compared if the responses are equal. */
async function checkSame(pair: Pair, gateway: Server, bare: Server): Promise<void> {
  const ask = async ({ url }: Server) => {
    const body = (await (await fetch(url + pair.path, { headers: pair.headers })).json()) as { data?: unknown }
    return body.data ?? body
  }
  if (!isDeepStrictEqual(await ask(gateway), await ask(bare))) throw new Error(`${pair.name}: the answers differ`)
}
