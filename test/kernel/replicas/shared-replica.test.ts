import type { FactChange } from '../../../src/kernel/replicas/fact-change.js'
import type { FactFeed, FeedAnswer, FeedEvents, RegisteredReplica } from '../../../src/kernel/replicas/fact-feed.js'
import { LEASE_MS } from '../../../src/kernel/replicas/fact-feed.js'
import { SharedReplica } from '../../../src/kernel/replicas/shared-replica.js'
import { deferred } from '../../helpers/deferred.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

const CHANGE: FactChange = { about: 'tenant', tenant_id: 't' }

/** A replica whose questions, rows and clock a test answers and moves. */
async function openReplica() {
  const state = {
    now_ms: 0,
    /** The questions that wait for their answer. */
    asked: [] as ((answer: Partial<FeedAnswer>) => void)[],
    rows: [] as RegisteredReplica[],
    /** When rows that were read arrive. */
    arrival: Promise.resolve(),
    ids: [] as string[],
    told: [] as unknown[],
    events: undefined as FeedEvents | undefined,
  }
  const timers = new Set<{ readonly at_ms: number; readonly callback: () => void }>()
  const feed: FactFeed = {
    register: async (id) => {
      state.ids.push(id)
      return '10:10:'
    },
    ask: () =>
      new Promise((resolve) => {
        state.asked.push((answer) =>
          resolve({ snapshot: '10:10:', changes: [], is_registered: true, replicas: 2, ...answer }),
        )
      }),
    registered: async () => {
      const { rows } = state
      await state.arrival
      return rows
    },
    sweep: async () => undefined,
    announce: async () => undefined,
    leave: async () => undefined,
    close: async () => undefined,
  }
  const replica = new SharedReplica(
    async (events) => {
      state.events = events
      return feed
    },
    { warn: () => undefined },
    {
      monotonic: () => state.now_ms,
      wall: () => state.now_ms,
      after(ms, callback) {
        const timer = { at_ms: state.now_ms + ms, callback }
        timers.add(timer)
        return () => void timers.delete(timer)
      },
    },
  )
  replica.onChanges((changes) => state.told.push(changes))
  const started = replica.start()
  const answer = async (more: Partial<FeedAnswer> = {}) => {
    await until('a question', () => state.asked.length > 0)
    state.asked.shift()?.(more)
  }
  await answer()
  await started
  return {
    replica,
    state,
    answer,
    /** Moves the clock, and runs the timers that are due. */
    pass(ms: number) {
      state.now_ms += ms
      for (const timer of [...timers].filter(({ at_ms }) => at_ms <= state.now_ms)) {
        if (timers.delete(timer)) timer.callback()
      }
    },
  }
}

// Attack: a replica that was stopped asks again. Its snapshot is from before a revocation whose writer did not wait for it.
t.test('a lease begins again only with a question that follows another one without a gap', async (t) => {
  const { replica, state, answer, pass } = await openReplica()
  t.ok(replica.hasLease())
  pass(250)
  await until('the next question', () => state.asked.length === 1)
  pass(LEASE_MS)
  t.notOk(replica.hasLease())
  await answer()
  // The question before the next one was sent before the gap, so the next one gives no lease either.
  await until('another question follows at once', () => state.asked.length === 1)
  await answer()
  await until('and another one', () => state.asked.length === 1)
  t.notOk(replica.hasLease())
  await answer()
  await until('the lease', () => replica.hasLease())
})

t.test('a replica whose row is gone registers again, and everything that it remembered is forgotten', async (t) => {
  const { replica, state, answer, pass } = await openReplica()
  state.told.length = 0
  pass(250)
  await answer({ is_registered: false, changes: [CHANGE] })
  await until('a new registration', () => state.ids.length === 2)
  t.not(state.ids[0], state.ids[1])
  t.same(state.told, ['unknown'])
  t.notOk(replica.hasLease())
  await answer()
  await until('the lease', () => replica.hasLease())
})

t.test('a writer waits one lease for a replica that died, and not again for the same row', async (t) => {
  const { replica, state, answer, pass } = await openReplica()
  state.rows = [{ id: 'dead', fence: '10:10:', mark: '1' }]
  let passed = 0
  const write = async () => {
    await replica.pass('20')
    passed += 1
  }
  const first = write()
  await answer({ snapshot: '21:21:', changes: [CHANGE] })
  await answer({ snapshot: '21:21:' })
  for (let turn = 0; turn < 3; turn += 1) await Promise.resolve()
  t.equal(passed, 0)
  pass(LEASE_MS)
  await first
  // Its own row is not among the rows, and this replica waits for its own memory all the same.
  const second = write()
  await answer({ snapshot: '21:21:' })
  await second
  t.equal(passed, 2)
  state.rows = [{ id: 'dead', fence: '10:10:', mark: '2' }]
  const third = write()
  await answer({ snapshot: '21:21:' })
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
  t.equal(passed, 2, 'it has asked again, so it can have a lease')
  state.events?.onFence('dead', '21:21:')
  await third
})

// Attack: a slow network shows a writer a row as unchanged for a lease, while its replica has just asked again.
t.test('a row that was read within a lease is waited for, however late it arrives', async (t) => {
  const { replica, state, answer, pass } = await openReplica()
  state.rows = [{ id: 'slow', fence: '10:10:', mark: '1' }]
  let passed = 0
  const write = async (xid: string) => {
    await replica.pass(xid)
    passed += 1
  }
  const first = write('20')
  await answer({ snapshot: '21:21:' })
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
  state.events?.onFence('slow', '21:21:')
  await first

  const { promise, resolve } = deferred()
  state.arrival = promise
  pass(LEASE_MS - 10)
  const second = write('30')
  await answer({ snapshot: '31:31:' })
  await answer({ snapshot: '31:31:' })
  pass(20)
  resolve()
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
  t.equal(passed, 1)
  state.events?.onFence('slow', '31:31:')
  await second
  t.equal(passed, 2)
})
