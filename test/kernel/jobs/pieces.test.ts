import { Pieces } from '../../../src/kernel/jobs/pieces.js'
import { t } from '../../helpers/t.js'

const PAUSE_MS = 5

// Attack: 50 clients ask for a large document at once, so that 50 pieces run one after another before anything else.
t.test('pieces of all work run in the order of their calls, one at a time, with the pause between them', async (t) => {
  const pieces = new Pieces(PAUSE_MS)
  const began_ms: number[] = []
  const order: number[] = []
  await Promise.all(
    Array.from({ length: 20 }, async (_, number) => {
      await pieces.turn()
      began_ms.push(performance.now())
      order.push(number)
    }),
  )
  t.same(
    order,
    Array.from({ length: 20 }, (_, number) => number),
  )
  // A timer of Node may fire up to 1 ms early.
  t.ok(began_ms.every((at, number) => number === 0 || at - (began_ms[number - 1] as number) >= PAUSE_MS - 1.5))
})

t.test('a piece waits for no one when nothing else is under way', async (t) => {
  const pieces = new Pieces(3_600_000)
  await pieces.turn()
  t.pass('the first turn has come without the pause')
})
