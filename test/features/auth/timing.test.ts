import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, PASSWORD } from '../../helpers/world.js'

const WRONG = 'quartz-lantern-meadow-48'
const ROUNDS = 100
/** A busy machine needs more rounds until the medians are close. A missing hash never gets close. */
const ROUNDS_MAX = 1_000
/**
 * A ratio and not a duration, because a loaded machine slows all three kinds equally. A missing hash is nearly the
 * whole duration.
 */
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

// Attack: measures response times to find out which addresses have or had a user. A missing hash would show within a
// few tries.
t.test('401 an unknown user, a wrong password and a disabled user take the same time (medians)', async (t) => {
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
    // The reversed order makes each kind follow each other kind equally often, so no kind always bears the cost of its
    // predecessor.
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
