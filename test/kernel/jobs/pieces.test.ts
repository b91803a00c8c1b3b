import { Pieces } from '../../../src/kernel/jobs/pieces.js'
import { t } from '../../helpers/t.js'

const PAUSE_MS = 5

// Attack: 50 clients ask for a large document at once, so that 50 pieces run one after another before anything else.
t.test('pieces run in the order of their calls, and other work has its turn between two of them', async (t) => {
  const pieces = new Pieces(PAUSE_MS)
  const order: number[] = []
  const others: number[] = []
  let other = 0
  const running = setInterval(() => {
    other += 1
  }, 1)
  const began_ms = performance.now()
  await Promise.all(
    Array.from({ length: 20 }, async (_, number) => {
      await pieces.turn()
      order.push(number)
      others.push(other)
    }),
  )
  clearInterval(running)
  t.same(
    order,
    Array.from({ length: 20 }, (_, number) => number),
  )
  t.ok(
    others.every((count, number) => number === 0 || count > (others[number - 1] as number)),
    'other work ran between any two pieces',
  )
  // A timer of Node may fire up to 1 ms early.
  t.ok(performance.now() - began_ms >= 19 * (PAUSE_MS - 1))
})

t.test('a piece waits for no one when nothing else is under way', async (t) => {
  const pieces = new Pieces(3_600_000)
  await pieces.turn()
  t.pass('the first turn has come without the pause')
})
