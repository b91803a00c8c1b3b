import fc from 'fast-check'
import { Counter, Histogram, Registry } from 'prom-client'
import { DurationHistogram, TallyCounter } from '../../../src/kernel/metrics/places.js'
import { t } from '../../helpers/t.js'

const BOUNDS = [0.001, 0.01, 0.1, 1]
const ROUTES = ['/a', '/b"\\\n', '/c']
const observation = fc.record({
  route: fc.constantFrom(...ROUTES),
  seconds: fc.oneof(fc.constantFrom(...BOUNDS, 0), fc.double({ min: 0, max: 5, noNaN: true })),
})

/** The lines of a page, in any order: that of the labels depends on who wrote them. */
async function linesOf(registry: Registry): Promise<string[]> {
  const lines = (await registry.metrics()).split('\n')
  return lines.map((line) => line.replace(/\{(.*)\}/, (_all, labels: string) => `{${labels.split(',').sort()}}`)).sort()
}

t.test('for any observations, the page is that of a histogram and a counter of prom-client', async (t) => {
  const name = 'seconds'
  const help = 'How long.'
  await fc.assert(
    fc.asyncProperty(fc.array(observation, { maxLength: 40 }), fc.nat(40), async (observations, asked_after) => {
      const theirs = new Registry()
      const histogram = new Histogram({ name, help, labelNames: ['route'], buckets: BOUNDS, registers: [theirs] })
      const counter = new Counter({ name: 'all', help, labelNames: ['route'], registers: [theirs] })
      const ours = new Registry()
      const durations = new DurationHistogram(name, help, BOUNDS, ours)
      const tallies = new TallyCounter('all', help, ['route'], ours)
      for (const [position, { route, seconds }] of observations.entries()) {
        histogram.observe({ route }, seconds)
        counter.inc({ route })
        durations.observe(route, { route }, seconds)
        tallies.inc(route, { route })
        // A page in the middle must not count anything twice.
        if (position === asked_after) await ours.metrics()
      }
      const [expected, seen] = [await linesOf(theirs), await linesOf(ours)]
      return JSON.stringify(expected) === JSON.stringify(seen)
    }),
    { seed: 11, numRuns: 200 },
  )
  t.pass('200 runs')
})
