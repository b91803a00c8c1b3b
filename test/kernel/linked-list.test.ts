import fc from 'fast-check'
import { type Link, LinkedList } from '../../src/kernel/linked-list.js'
import { t } from '../helpers/t.js'

const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const) }),
  fc.record({ kind: fc.constant('remove' as const), which: fc.nat(20) }),
  fc.record({ kind: fc.constant('shift' as const) }),
)

t.test('for any additions and removals, it holds what a Set holds, in the same order', async (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const list = new LinkedList<number>()
      const model = new Set<number>()
      const links: { link: Link<number>; value: number }[] = []
      for (const [position, each] of steps.entries()) {
        if (each.kind === 'add') {
          links.push({ link: list.add(position + 1), value: position + 1 })
          model.add(position + 1)
        } else if (each.kind === 'remove') {
          const known = links[each.which]
          // Also one that was removed before.
          if (known === undefined) continue
          list.remove(known.link)
          model.delete(known.value)
        } else {
          const [oldest] = model
          if (list.shift() !== oldest) return false
          if (oldest !== undefined) model.delete(oldest)
        }
        const [first] = model
        if (list.first() !== first) return false
      }
      const is_held = (link: Link<number>) => link.before !== undefined || link.after !== undefined
      // A removed link must not keep anything reachable.
      if (!links.every(({ link, value }) => model.has(value) || !is_held(link))) return false
      return [...model, undefined].every((value) => list.shift() === value)
    }),
    { seed: 11, numRuns: 1_000 },
  )
  t.pass('1,000 runs')
})
