import { openUsageRecorder, type Served } from '../../src/features/usage/recorder.js'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { Opened } from './opened.js'
import { openScratch } from './scratch.js'
import { programOf, startGateway } from './servers.js'
import { inWords, sideBySide } from './side-by-side.js'
import type { Flags, Row, Suite } from './suite.js'
import { buildWorld } from './world.js'

const RECORDS = 1_000_000
const ANSWERS = 5_000

/** The cost of counting responses: the rate compared with a gateway that counts nothing, and the CPU time of counting alone. */
export const usage: Suite = {
  name: 'usage',
  needs: 'PostgreSQL',
  // Many short rounds, because the difference is smaller than the noise of the machine.
  defaults: { rounds: 15, seconds: 2 },
  async *run(flags, signal) {
    const rows = [
      { name: `usage.record, ${ANSWERS} counters`, measure: async () => costOfRecording(flags) },
      { name: 'GET /v1/customers?limit=20, counted to not counted', measure: () => costInRate(flags, signal) },
    ]
    for (const { name, measure } of rows.filter((row) => row.name.includes(flags.only))) {
      yield { name, ...(await measure()) }
    }
  },
}

async function costInRate(flags: Flags, signal: AbortSignal): Promise<Omit<Row, 'name'>> {
  const opened = new Opened()
  try {
    const scratch = opened.add(await openScratch())
    // Both gateways accept the same token.
    const shared = { JWT_SIGNING_KEYS: generateSigningKeys(), PUBLIC_URL: 'http://bench.example' }
    const started = (...args: string[]) =>
      startGateway(scratch.gateway_url, shared, [...programOf('assembled.ts'), ...args])
    const counted = opened.add(await started())
    const uncounted = opened.add(await started('uncounted'))
    const { user: headers } = await buildWorld(scratch, counted.url)
    const path = '/v1/customers?limit=20'
    const sides = [
      { server: counted, path, headers },
      { server: uncounted, path, headers },
    ] as const
    const [on, off] = await sideBySide(sides, flags, signal)
    return {
      measured: `counted ${inWords(on)} | not counted ${inWords(off)}`,
      figure: on.rate / off.rate,
      unit: 'ratio',
      target: { at_least: 0.97 },
    }
  } finally {
    await opened.close()
  }
}

/** Counts the same responses again and again, and only iterates over them for comparison. Returns the median of the rounds. */
function costOfRecording({ rounds }: Flags): Omit<Row, 'name'> {
  const recorder = openUsageRecorder(Date.now, async () => undefined)
  const answers = Array.from({ length: ANSWERS }, (_, number) => answerOf(number))
  const microsecondsOf = (work: (answer: Served) => void) => {
    // CPU time and not elapsed time, because other processes also run.
    const began_at = process.cpuUsage()
    for (let number = 0; number < RECORDS; number += 1) work({ ...(answers[number % ANSWERS] as Served) })
    return process.cpuUsage(began_at).user / RECORDS
  }
  let seen = 0
  const costs = Array.from({ length: rounds }, () => {
    const floor = microsecondsOf(({ status }) => {
      seen += status
    })
    return microsecondsOf(recorder.record) - floor
  })
  if (recorder.dropped() > 0 || seen === 0) throw new Error('not everything was counted')
  const cost = costs.sort((left, right) => left - right)[Math.floor(rounds / 2)] as number
  return { measured: `${RECORDS} answers a round`, figure: cost, unit: 'µs', target: { at_most: 3 } }
}

/** The tenants, keys, routes and statuses of a busy hour. */
function answerOf(number: number): Served {
  return {
    tenant_id: `01a21757-e5a2-7182-95cc-${String(number % 100).padStart(12, '0')}`,
    key_id: `s4nPxzdIl${String(number % 5).padStart(3, '0')}`,
    route: `GET /v1/customers/:id/${number % 10}`,
    status: number % 7 === 0 ? 403 : 200,
    code: number % 7 === 0 ? 'insufficient_scope' : '',
    duration_ms: number % 50,
  }
}
