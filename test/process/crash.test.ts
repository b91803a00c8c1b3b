import { t } from '../helpers/t.js'
import {
  demoFolder,
  FILE_MS_MAX,
  type GatewayProcess,
  readDemo,
  startGatewayProcess,
  until,
  type Variables,
} from './gateway-process.js'

const ROUNDS = 4
const WRITERS = 4
const ACKNOWLEDGED_PER_ROUND = 60

t.setTimeout(FILE_MS_MAX)

// A row whose client got 201 must survive a crash.
t.test('every customer that was acknowledged with 201 exists after kill -9 during writes', async (t) => {
  const DATA_DIR = await demoFolder(t)
  const acknowledged: string[] = []
  let gateway = await startGatewayProcess(t, { DATA_DIR })
  const demo = readDemo(DATA_DIR)
  for (let round = 1; round <= ROUNDS; round++) {
    const before = acknowledged.length
    const writers = Array.from({ length: WRITERS }, () => writeUntilItDies(gateway, demo, acknowledged))
    await until(() => acknowledged.length >= before + ACKNOWLEDGED_PER_ROUND)
    gateway.child.kill('SIGKILL')
    await Promise.all(writers)
    await gateway.exit
    gateway = await startGatewayProcess(t, { DATA_DIR })
    const found = await allCustomers(gateway, demo)
    const lost = acknowledged.filter((id) => !found.has(id))
    t.same(lost, [], `round ${round}: ${acknowledged.length} acknowledged, ${found.size} found`)
    // A request that the crash interrupted can be committed although its client got no response. Each writer has at most
    // one such request in each round.
    t.ok(found.size <= 120 + acknowledged.length + round * WRITERS, 'customers without an acknowledgement')
  }
})

/** Creates customers one after another until the process has ended. */
async function writeUntilItDies(gateway: GatewayProcess, demo: Variables, acknowledged: string[]): Promise<void> {
  for (;;) {
    const answer = await ask(gateway, demo, '', {
      method: 'POST',
      body: JSON.stringify({ name: 'Written in a hurry' }),
    })
    if (answer === undefined) return
    if (answer.status !== 201) throw new Error(`a write was answered with ${answer.status}: ${answer.text}`)
    acknowledged.push(JSON.parse(answer.text).id)
  }
}

async function allCustomers(gateway: GatewayProcess, demo: Variables): Promise<Set<string>> {
  const found = new Set<string>()
  let cursor: string | null = ''
  while (cursor !== null) {
    const answer = await ask(gateway, demo, `?limit=100${cursor === '' ? '' : `&cursor=${cursor}`}`)
    const page: { data: { id: string }[]; next_cursor: string | null } = JSON.parse(answer?.text ?? '')
    for (const { id } of page.data) found.add(id)
    cursor = page.next_cursor
  }
  return found
}

/** Returns the response, or undefined if the connection broke before the whole response arrived. */
async function ask(
  { url }: GatewayProcess,
  demo: Variables,
  query: string,
  init: RequestInit = {},
): Promise<{ status: number; text: string } | undefined> {
  const headers = {
    'x-tenant-id': String(demo.TENANT_ID),
    'x-tenant-api-key': String(demo.INTEGRATION_API_KEY),
    ...(init.body !== undefined && { 'content-type': 'application/json' }),
  }
  try {
    const response = await fetch(`${url}/v1/customers${query}`, { ...init, headers })
    return { status: response.status, text: await response.text() }
  } catch {
    return undefined
  }
}
