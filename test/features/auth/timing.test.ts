import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'

const WRONG = 'quartz-lantern-meadow-48'
const ROUNDS = 100
/** A busy machine needs more tries until the medians are close; a hash that is left out never comes close. */
const ROUNDS_MAX = 1_000
/** A share and not a time, for a loaded machine is slow for all three; a hash that is left out is nearly all of it. */
const DIFFERENCE_MAX = 0.25

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
t.test('unknown, wrong and disabled take the same time, by the medians of interleaved tries', async (t) => {
  const times: Record<Kind, number[]> = { unknown: [], wrong: [], disabled: [] }
  const kinds = Object.keys(KINDS) as Kind[]
  const tryAll = async (order: readonly Kind[]) => {
    for (const kind of order) {
      const [email, password] = KINDS[kind]
      const before = process.hrtime.bigint()
      const { status } = await ask(gateway, '/v1/auth/login', { body: { email, password } })
      times[kind].push(Number(process.hrtime.bigint() - before) / 1e6)
      if (status !== 401) t.fail(`${kind} answered ${status}`)
    }
  }
  for (const _warm_up of [1, 2, 3]) await tryAll(kinds)
  for (const kind of kinds) times[kind] = []

  let medians = kinds.map(() => 0)
  let difference = 1
  for (let round = 0; round < ROUNDS || (difference >= DIFFERENCE_MAX && round < ROUNDS_MAX); round += 1) {
    // Each kind follows each other one equally often, so that none always pays for what came before it.
    await tryAll(round % 2 === 0 ? kinds : kinds.toReversed())
    medians = kinds.map((kind) => median(times[kind]))
    difference = (Math.max(...medians) - Math.min(...medians)) / Math.min(...medians)
  }
  t.comment(`medians in ms: ${kinds.map((kind, index) => `${kind} ${medians[index]?.toFixed(2)}`).join(', ')}`)
  t.ok(difference < DIFFERENCE_MAX, `${(100 * difference).toFixed(0)} % apart after ${times.wrong.length} rounds`)
})

function median(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[all.length >> 1] as number
}
