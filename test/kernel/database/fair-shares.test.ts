import fc from 'fast-check'
import { FairShares } from '../../../src/kernel/database/fair-shares.js'
import { Problem } from '../../../src/kernel/problems/problems.js'
import { deferred } from '../../helpers/deferred.js'
import { t } from '../../helpers/t.js'

const SIZES = { connections_max: 10, share_max: 3 }

/** Operations that run until the test ends them. */
function operations(sizes = SIZES) {
  const shares = new FairShares(sizes)
  const running: { readonly name: string; readonly end: () => void }[] = []
  const start = (name: string) => {
    const outcome = shares.run(name, async () => {
      const { promise, resolve } = deferred()
      running.push({ name, end: () => resolve() })
      await promise
    })
    return outcome.then(
      () => 'done',
      (error: unknown) => (error instanceof Problem ? error.code : String(error)),
    )
  }
  const endOne = async (name?: string) => {
    const [operation] = running.splice(name === undefined ? 0 : running.findIndex((each) => each.name === name), 1)
    operation?.end()
    await settled()
  }
  return { shares, running, start, endOne }
}

/** Resolves when all promises that can settle have settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

// Attack: a tenant sends many requests that wait for one row, so that its transactions hold every connection.
t.test('a share uses at most its part of the connections, and another share gets one at once', async (t) => {
  const { shares, running, start, endOne } = operations()
  const greedy = Array.from({ length: 50 }, () => start('greedy'))
  await settled()
  t.equal(running.length, 3)
  t.equal(shares.waiting, 47)
  const other = start('other')
  await settled()
  t.same(
    running.map(({ name }) => name),
    ['greedy', 'greedy', 'greedy', 'other'],
  )
  await endOne('other')
  t.equal(await other, 'done')
  while (running.length > 0) await endOne()
  t.same(new Set(await Promise.all(greedy)), new Set(['done']))
  t.equal(shares.waiting, 0)
})

t.test('shares that wait take turns, whatever the length of their queues', async (t) => {
  const { running, start, endOne } = operations({ connections_max: 1, share_max: 1 })
  for (let number = 0; number < 10; number += 1) void start('long')
  void start('short')
  void start('short')
  await settled()
  const order: string[] = []
  while (running.length > 0) {
    order.push(running[0]?.name ?? '')
    await endOne()
  }
  t.same(order.slice(0, 5), ['long', 'long', 'short', 'long', 'short'])
  t.equal(order.length, 12)
})

t.test('503 only for the share whose queue is full', async (t) => {
  const { running, start, endOne } = operations()
  const outcomes = Array.from({ length: 210 }, () => start('greedy'))
  const other = Array.from({ length: 3 }, () => start('other'))
  await settled()
  while (running.length > 0) await endOne()
  const codes = await Promise.all(outcomes)
  t.equal(codes.filter((code) => code === 'service_unavailable').length, 7)
  t.same(await Promise.all(other), ['done', 'done', 'done'])
})

t.test('the first share goes before all others that wait', async (t) => {
  const { running, start, endOne } = operations({ connections_max: 1, share_max: 1, first: 'facts' } as typeof SIZES)
  void start('a')
  void start('b')
  void start('facts')
  void start('facts')
  await settled()
  const order: string[] = []
  while (running.length > 0) {
    order.push(running[0]?.name ?? '')
    await endOne()
  }
  t.same(order, ['a', 'facts', 'facts', 'b'])
})

t.test('an operation that fails gives its connection back, and its error reaches the caller', async (t) => {
  const shares = new FairShares({ connections_max: 1, share_max: 1 })
  await t.rejects(
    shares.run('a', () => Promise.reject(new Error('no'))),
    { message: 'no' },
  )
  t.equal(await shares.run('b', async () => 'yes'), 'yes')
})

t.test('for any order of starts and ends, no limit is exceeded, and nothing waits that could run', async (t) => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const steps = fc.array(fc.oneof(fc.constantFrom(...names), fc.constant('end')), { maxLength: 60 })
  const property = fc.asyncProperty(steps, async (order) => {
    const { shares, running, start, endOne } = operations({ connections_max: 4, share_max: 2 })
    const unfinished = new Map(names.map((name) => [name, 0]))
    const add = (name: string, number: number) => unfinished.set(name, (unfinished.get(name) ?? 0) + number)
    for (const step of order) {
      if (step === 'end') await endOne()
      else {
        add(step, 1)
        void start(step).then(() => add(step, -1))
      }
      await settled()
      for (const name of names) {
        const busy = running.filter((each) => each.name === name).length
        if (busy > 2 || running.length > 4) return false
        if ((unfinished.get(name) ?? 0) > busy && busy < 2 && running.length < 4) return false
      }
    }
    while (running.length > 0) await endOne()
    return shares.waiting === 0
  })
  await t.resolves(fc.assert(property, { numRuns: 200 }))
})
