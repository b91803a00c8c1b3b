import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'

const WRONG = 'quartz-lantern-meadow-48'
const ROUNDS = 100
const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
await gateway.sql(`update users set disabled_at = now() where id = '${world.ids.stranger}'`)

const KINDS = {
  unknown: ['nobody@people.example', PASSWORD],
  wrong: [emailOf('agent'), WRONG],
  disabled: [emailOf('stranger'), PASSWORD],
} as const
type Kind = keyof typeof KINDS

// Stops the list of who has an account, or had one: one hash that is left out shows within a few tries.
t.test('unknown, wrong and disabled take the same time, by the medians of 300 interleaved tries', async (t) => {
  const times: Record<Kind, number[]> = { unknown: [], wrong: [], disabled: [] }
  const kinds = Object.keys(KINDS) as Kind[]
  for (let round = -3; round < ROUNDS; round += 1) {
    // Each kind follows each other one equally often, so that none always pays for what came before it.
    const order = round % 2 === 0 ? kinds : kinds.toReversed()
    for (const kind of order) {
      const [email, password] = KINDS[kind]
      const before = process.hrtime.bigint()
      const { status } = await ask(gateway, '/v1/auth/login', { body: { email, password } })
      const took_ms = Number(process.hrtime.bigint() - before) / 1e6
      if (status !== 401) t.fail(`${kind} answered ${status}`)
      if (round >= 0) times[kind].push(took_ms)
    }
  }
  const median = (all: number[]) => all.sort((a, b) => a - b)[all.length >> 1] as number
  const medians = Object.fromEntries(kinds.map((kind) => [kind, median(times[kind])])) as Record<Kind, number>
  const all = Object.values(medians)
  const difference_ms = Math.max(...all) - Math.min(...all)
  t.comment(`medians in ms: ${kinds.map((kind) => `${kind} ${medians[kind].toFixed(2)}`).join(', ')}`)
  t.comment(`difference in ms: ${difference_ms.toFixed(2)}`)
  // A share and not a time, for a loaded machine is slow for all three; a hash that is left out is nearly all of it.
  t.ok(difference_ms < 0.25 * Math.min(...all), `${difference_ms.toFixed(2)} ms apart`)
})
