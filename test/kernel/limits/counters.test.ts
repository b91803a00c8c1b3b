import fc from 'fast-check'
import { COUNT_ALL, type Counters, type Sharing, sharedCounters } from '../../../src/kernel/limits/counters.js'
import { t } from '../../helpers/t.js'
import { REACHABLE, WindowModel } from './window-model.js'

const KEYS_MAX = 50_000
const WINDOW_MS = 60_000
const ALONE: Sharing = { replicas: () => 1 }

interface Seen {
  readonly current: number
  readonly ttl: number
}

function clock() {
  let now_ms = 1_700_000_000_000
  return {
    now: () => now_ms,
    advance(ms: number) {
      now_ms += ms
    },
  }
}

/** The counters of one replica. */
function counters(now: () => number, sharing: Sharing) {
  const store = new (sharedCounters(now, sharing))()
  const ask = (method: 'incr' | 'read', key: string, max: number, window_ms = WINDOW_MS) =>
    new Promise<Seen>((resolve, reject) => {
      const answer: Parameters<Counters['read']>[1] = (error, result) => {
        if (result === undefined) reject(error)
        else resolve(result)
      }
      store[method](key, answer, window_ms, max)
    })
  return {
    store,
    /** Counts one request. @returns whether the quota has it */
    count: async (key: string, max: number) => (await ask('incr', key, max)).current <= max,
    incr: (key: string, max = COUNT_ALL) => ask('incr', key, max),
    read: (key: string, max = COUNT_ALL) => ask('read', key, max),
  }
}

t.test('a window starts with its first request, counts all requests, and resets at its end', async (t) => {
  const { now, advance } = clock()
  const { incr, read } = counters(now, ALONE)
  t.same(await read('a'), { current: 0, ttl: 0 }, 'before the first request')
  t.same(await incr('a'), { current: 1, ttl: 60_000 })
  advance(59_999)
  t.same(await incr('a'), { current: 2, ttl: 1 }, 'a later request does not extend the window')
  t.same(await read('a'), { current: 2, ttl: 1 }, 'a read counts nothing')
  t.same(await incr('b'), { current: 1, ttl: 60_000 }, 'another key has its own window')
  advance(1)
  t.same(await read('a'), { current: 0, ttl: 0 })
  t.same(await incr('a'), { current: 1, ttl: 60_000 }, 'a new window')
})

t.test('the counts of any sequence of requests equal those of a simple model', async (t) => {
  const step = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    wait_ms: fc.integer({ min: 0, max: 40_000 }),
    method: fc.constantFrom('incr' as const, 'read' as const),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, is_shared) => {
      const { now, advance } = clock()
      const windows = new WindowModel(now).asSeenBy('one', REACHABLE)
      const store = counters(now, is_shared ? { replicas: () => 1, windows } : ALONE)
      const model = new Map<string, { began: number; count: number }>()
      for (const { key, wait_ms, method } of steps) {
        advance(wait_ms)
        const known = model.get(key)
        const open = known !== undefined && now() < known.began + 60_000 ? known : { began: now(), count: 0 }
        if (method === 'incr') model.set(key, { ...open, count: open.count + 1 })
        const count = open.count + (method === 'incr' ? 1 : 0)
        const expected = { current: count, ttl: count === 0 ? 0 : open.began + 60_000 - now() }
        if (JSON.stringify(await store[method](key)) !== JSON.stringify(expected)) return false
      }
      return true
    }),
  )
  t.pass('no counterexample')
})

// Attack: a client floods the gateway from many addresses, to fill the memory with counters.
t.test('the number of keys is limited, and the oldest window is removed first', async (t) => {
  const { now, advance } = clock()
  const { incr, read } = counters(now, ALONE)
  await incr('address:first')
  await incr('login:first')
  advance(1)
  await incr('address:second')
  for (let number = 2; number < KEYS_MAX; number += 1) await incr(`address:${number}`)
  t.equal((await read('address:first')).current, 1, 'at the limit')
  await incr('address:one more')
  t.equal((await read('address:first')).current, 0, 'the oldest key is removed')
  t.equal((await read('address:second')).current, 1)
  t.equal((await read('address:one more')).current, 1)
  t.equal((await read('login:first')).current, 1, 'a flood in one budget removes no key of another')
})

t.test('two stores count independently, and a child shares the counts of its store', async (t) => {
  const { now } = clock()
  const [one, other] = [counters(now, ALONE), counters(now, ALONE)]
  await one.incr('a')
  t.equal((await other.read('a')).current, 0)
  t.equal(one.store.child({} as never), one.store)
})

/** Replicas that share windows, and what happens to their calls. */
function replicas(count: number, now: () => number) {
  const model = new WindowModel(now)
  const on_up: (() => void)[] = []
  const reach = {
    is_up: true,
    fates: [] as ('answered' | 'answer lost' | 'not sent')[],
    return() {
      reach.is_up = true
      for (const listener of on_up) listener()
    },
  }
  const stores = Array.from({ length: count }, (_, index) => {
    const windows = model.asSeenBy(`replica ${index}`, {
      isUp: () => reach.is_up,
      onUp: (listener) => void on_up.push(listener),
      next: () => reach.fates.pop() ?? 'answered',
    })
    return counters(now, { replicas: () => count, windows })
  })
  return { model, reach, at: (index: number) => stores[index % count] as (typeof stores)[number] }
}

const QUOTA = fc.integer({ min: 1, max: 700 })
const REPLICAS = fc.integer({ min: 1, max: 5 })

t.test('replicas accept together exactly the quota, however the requests are spread', async (t) => {
  const spread = fc.array(fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 40 })), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(QUOTA, REPLICAS, spread, async (quota, count, bursts) => {
      const { at } = replicas(count, clock().now)
      let accepted = 0
      for (const [index, size] of bursts) {
        const answers = await Promise.all(Array.from({ length: size }, () => at(index).count('a', quota)))
        accepted += answers.filter(Boolean).length
      }
      if (accepted > quota) return false
      // Shares that are left are used where they are.
      for (let index = 0; index < count; index += 1) {
        const answers = await Promise.all(Array.from({ length: quota }, () => at(index).count('a', quota)))
        accepted += answers.filter(Boolean).length
      }
      return accepted === quota
    }),
  )
  t.pass('no counterexample')
})

t.test('answers that are lost and a store that forgets waste a share at most, and never raise the quota', async (t) => {
  const fate = fc.constantFrom('answered' as const, 'answered' as const, 'answer lost' as const, 'not sent' as const)
  const step = fc.record({ index: fc.nat(9), size: fc.integer({ min: 1, max: 30 }), fate, forgets: fc.nat(9) })
  await fc.assert(
    fc.asyncProperty(QUOTA, REPLICAS, fc.array(step, { maxLength: 40 }), async (quota, count, steps) => {
      const { at, reach, model } = replicas(count, clock().now)
      let accepted = 0
      let lost = 0
      for (const { index, size, fate, forgets } of steps) {
        if (forgets === 0) model.clear()
        if (fate !== 'answered') lost += 1
        reach.fates = fate === 'answered' ? [] : [fate]
        const answers = await Promise.all(Array.from({ length: size }, () => at(index).count('a', quota)))
        accepted += answers.filter(Boolean).length
      }
      // A request that gets no answer is counted by its replica alone, at most once for each wait that failed. A store that
      // has forgotten hears of each replica again with its next call, so until then the shares of the others are unknown.
      const forgotten = steps.some(({ forgets }) => forgets === 0) ? quota : 0
      return accepted <= quota + lost * 30 + forgotten
    }),
  )
  t.pass('no counterexample')
})

t.test('without shared windows each replica accepts its part, and together at most one more each', async (t) => {
  await fc.assert(
    fc.asyncProperty(QUOTA, REPLICAS, async (quota, count) => {
      const { at, reach } = replicas(count, clock().now)
      reach.is_up = false
      let accepted = 0
      for (let index = 0; index < count; index += 1) {
        for (let request = 0; request < quota; request += 1) if (await at(index).count('a', quota)) accepted += 1
      }
      return accepted >= quota && accepted < quota + count
    }),
  )
  t.pass('no counterexample')
})

t.test('replicas that lose the shared windows in the middle go on with what was left', async (t) => {
  const { at, reach } = replicas(3, clock().now)
  let accepted = 0
  const send = async (requests: number) => {
    for (let request = 0; request < requests; request += 1) if (await at(request).count('a', 600)) accepted += 1
  }
  await send(300)
  t.equal(accepted, 300)
  reach.is_up = false
  await send(3_000)
  t.ok(accepted >= 590 && accepted < 700, `${accepted} accepted`)
  reach.return()
  const before = accepted
  await send(3_000)
  t.equal(accepted - before, 0, 'after their return every replica tells what it has counted alone')
})

t.test('a budget that counts all requests is the same number at every replica', async (t) => {
  const { at } = replicas(3, clock().now)
  for (let request = 1; request <= 30; request += 1) {
    t.equal((await at(request).incr('failures')).current, request)
    t.equal((await at(request + 1).read('failures')).current, request, 'another replica sees it at once')
  }
  const together = await Promise.all(Array.from({ length: 30 }, (_, index) => at(index).incr('failures')))
  t.equal(Math.max(...together.map(({ current }) => current)), 60, 'at once from all replicas: each is counted')
})

t.test('a quota that is raised in the middle of a window is there at once', async (t) => {
  const { at } = replicas(2, clock().now)
  for (let request = 0; request < 40; request += 1) await at(request).count('a', 10)
  t.notOk(await at(0).count('a', 10))
  t.ok(await at(0).count('a', 20), 'the operator has raised it')
  t.notOk(await at(0).count('a', 5), 'and lowered it again')
})

t.test('the remaining quota that a client sees never rises within a window', async (t) => {
  await fc.assert(
    fc.asyncProperty(QUOTA, REPLICAS, fc.array(fc.nat(9), { maxLength: 200 }), async (quota, count, sequence) => {
      const { at } = replicas(count, clock().now)
      const seen = new Map<number, number>()
      for (const index of sequence) {
        const { current } = await at(index).incr('a', quota)
        if (current < (seen.get(index % count) ?? 0)) return false
        seen.set(index % count, current)
      }
      return true
    }),
  )
  t.pass('at each replica')
})
