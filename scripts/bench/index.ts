import { availableParallelism } from 'node:os'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { load, type Measured, medianOf, type Wanted } from './load.js'
import { openScratch } from './scratch.js'
import { pin, type Server, startBare, startGateway } from './servers.js'
import { buildWorld, type World } from './world.js'

const SERVER_CORE = 0
const LOAD_CORE = 1
const WARM_UP_SECONDS = 2

/** One line of the outcome: the same request to the gateway and to a bare server. */
interface Pair extends Wanted {
  readonly name: string
  /** The least part of the bare server's rate that the gateway must reach; without one, the ratio is only printed. */
  readonly target?: number
}

function pairsOf({ user, integration, customer_id }: World): readonly Pair[] {
  const body = JSON.stringify({ name: 'Ada Adeyemi', tags: ['vip'], metadata: { city: 'Oslo', orders: 3 } })
  const list = '/v1/customers?limit=20'
  // The writes come last: they would change what the lists are about.
  return [
    { name: `GET ${list}`, path: list, headers: user, target: 0.45 },
    { name: `GET ${list}, key alone`, path: list, headers: integration },
    { name: 'GET /v1/customers/{id}', path: `/v1/customers/${customer_id}`, headers: user },
    { name: 'POST /v1/customers', path: '/v1/customers', headers: user, body },
  ]
}

interface Flags {
  readonly seconds: number
  readonly rounds: number
  readonly connections: number
  /** Only the pairs whose name holds this text. */
  readonly only: string
}

function readFlags(): Flags {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '5' },
      connections: { type: 'string', default: '16' },
      only: { type: 'string', default: '' },
    },
  })
  const whole = (name: keyof typeof values) => {
    const number = Number(values[name])
    if (!Number.isInteger(number) || number < 1) throw new Error(`--${name}: must be a whole number from 1 on`)
    return number
  }
  return { seconds: whole('seconds'), rounds: whole('rounds'), connections: whole('connections'), only: values.only }
}

/** Holds the answers of the two against each other: a rate says nothing when they are not the same. */
async function checkSame(pair: Pair, gateway: Server, bare: Server): Promise<void> {
  const ask = async ({ url }: Server) => {
    const body = (await (await fetch(url + pair.path, { headers: pair.headers })).json()) as { data?: unknown }
    return body.data ?? body
  }
  if (!isDeepStrictEqual(await ask(gateway), await ask(bare))) throw new Error(`${pair.name}: the answers differ`)
}

/** Loads the two in turn, so that whatever else the machine does meets both, and prints the medians. */
async function compare(pair: Pair, gateway: Server, bare: Server, flags: Flags, signal: AbortSignal): Promise<boolean> {
  if (pair.body === undefined) await checkSame(pair, gateway, bare)
  const rounds = { gateway: [] as Measured[], bare: [] as Measured[] }
  for (const server of [gateway, bare]) await load(server.url, pair, { ...flags, seconds: WARM_UP_SECONDS }, signal)
  for (let round = 0; round < flags.rounds; round += 1) {
    rounds.gateway.push(await load(gateway.url, pair, flags, signal))
    rounds.bare.push(await load(bare.url, pair, flags, signal))
  }
  const [ours, theirs] = [medianOf(rounds.gateway), medianOf(rounds.bare)]
  const ratio = ours.rate / theirs.rate
  console.log(`${pair.name}  gateway ${written(ours)} | bare ${written(theirs)} | ratio ${ratio.toFixed(2)}`)
  return pair.target === undefined || ratio >= pair.target
}

function written({ rate, p50_ms, p99_ms }: Measured): string {
  return `${Math.round(rate)}/s p50 ${p50_ms.toFixed(1)} p99 ${p99_ms.toFixed(1)}`
}

async function main(): Promise<void> {
  const flags = readFlags()
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => interrupted.abort(new Error('interrupted')))
  }
  const pinned = availableParallelism() > 1 && pin(process.pid, LOAD_CORE)
  const url = process.env.BENCH_DATABASE_URL ?? process.env.TEST_DATABASE_URL
  // Whatever was opened is closed in the reverse order, also when the next thing could not be.
  const opened: { close(): Promise<void> }[] = []
  const missed: string[] = []
  try {
    const scratch = await openScratch(url ?? 'postgres://postgres@127.0.0.1:5432/test')
    opened.push(scratch)
    const gateway = await startGateway(scratch.gateway_url)
    opened.push(gateway)
    const bare = await startBare(scratch.owner_url)
    opened.push(bare)
    if (pinned) for (const server of [gateway, bare]) pin(server.pid, SERVER_CORE)
    const world = await buildWorld(scratch, gateway.url)
    console.log(
      `${flags.rounds} rounds of ${flags.seconds} s, ${flags.connections} connections, ${pinned ? 'server and load on a core each' : 'not pinned to cores'}; times in ms`,
    )
    for (const pair of pairsOf(world).filter(({ name }) => name.includes(flags.only))) {
      if (!(await compare(pair, gateway, bare, flags, interrupted.signal))) missed.push(`${pair.name} (${pair.target})`)
    }
  } finally {
    for (const part of opened.reverse()) await part.close()
  }
  if (missed.length > 0) throw new Error(`missed its target: ${missed.join(', ')}`)
}

main().catch((error: unknown) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
})
