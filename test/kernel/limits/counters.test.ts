import type { FastifyRateLimitStore } from '@fastify/rate-limit'
import fc from 'fast-check'
import { memoryCounters } from '../../../src/kernel/limits/counters.js'
import { t } from '../../helpers/t.js'

const KEYS_MAX = 50_000

function counters() {
  let now = 1_700_000_000_000
  const store = new (memoryCounters(() => now))() as FastifyRateLimitStore & {
    read(key: string, answer: (error: Error | null, result?: { current: number; ttl: number }) => void): void
  }
  const ask = (method: 'incr' | 'read', key: string, window_ms = 60_000) => {
    let seen: { current: number; ttl: number } | undefined
    const answer = (_error: Error | null, result?: { current: number; ttl: number }) => {
      seen = result
    }
    if (method === 'incr') store.incr(key, answer, window_ms, Number.MAX_SAFE_INTEGER)
    else store.read(key, answer)
    if (seen === undefined) throw new Error('no answer')
    return seen
  }
  const advance = (ms: number) => {
    now += ms
  }
  return { ask, advance, now: () => now, store }
}

t.test('a window starts with its first request, counts all requests, and resets at its end', (t) => {
  const { ask, advance } = counters()
  t.same(ask('read', 'a'), { current: 0, ttl: 0 }, 'before the first request')
  t.same(ask('incr', 'a'), { current: 1, ttl: 60_000 })
  advance(59_999)
  t.same(ask('incr', 'a'), { current: 2, ttl: 1 }, 'a later request does not extend the window')
  t.same(ask('read', 'a'), { current: 2, ttl: 1 }, 'a read counts nothing')
  t.same(ask('incr', 'b'), { current: 1, ttl: 60_000 }, 'another key has its own window')
  advance(1)
  t.same(ask('read', 'a'), { current: 0, ttl: 0 })
  t.same(ask('incr', 'a'), { current: 1, ttl: 60_000 }, 'a new window')
  t.end()
})

t.test('the counts of any sequence of requests equal those of a simple model', (t) => {
  const step = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    wait_ms: fc.integer({ min: 0, max: 40_000 }),
    method: fc.constantFrom('incr' as const, 'read' as const),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { ask, advance, now } = counters()
      const model = new Map<string, { began: number; count: number }>()
      return steps.every(({ key, wait_ms, method }) => {
        advance(wait_ms)
        const known = model.get(key)
        const open = known !== undefined && now() < known.began + 60_000 ? known : { began: now(), count: 0 }
        if (method === 'incr') model.set(key, { ...open, count: open.count + 1 })
        const count = open.count + (method === 'incr' ? 1 : 0)
        const expected = { current: count, ttl: count === 0 ? 0 : open.began + 60_000 - now() }
        return JSON.stringify(ask(method, key)) === JSON.stringify(expected)
      })
    }),
  )
  t.end()
})

// Attack: a client floods the gateway from many addresses, to fill the memory with counters.
t.test('the number of keys is limited, and the oldest window is removed first', (t) => {
  const { ask, advance } = counters()
  ask('incr', 'address:first')
  ask('incr', 'login:first')
  advance(1)
  ask('incr', 'address:second')
  for (let number = 2; number < KEYS_MAX; number += 1) ask('incr', `address:${number}`)
  t.equal(ask('read', 'address:first').current, 1, 'at the limit')
  ask('incr', 'address:one more')
  t.equal(ask('read', 'address:first').current, 0, 'the oldest key is removed')
  t.equal(ask('read', 'address:second').current, 1)
  t.equal(ask('read', 'address:one more').current, 1)
  t.equal(ask('read', 'login:first').current, 1, 'a flood in one budget removes no key of another')
  t.end()
})

t.test('two stores count independently, and a child shares the counts of its store', (t) => {
  const [one, other] = [counters(), counters()]
  one.ask('incr', 'a')
  t.equal(other.ask('read', 'a').current, 0)
  t.equal(one.store.child({} as never), one.store)
  t.end()
})
