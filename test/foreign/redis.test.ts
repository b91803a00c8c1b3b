import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { RedisAnnouncements } from '../../src/kernel/redis/redis-announcements.js'
import { REDIS_TIMEOUT_MS, RedisLink, type RedisLog } from '../../src/kernel/redis/redis-link.js'
import { redisWindows } from '../../src/kernel/redis/redis-windows.js'
import type { Announcements } from '../../src/kernel/replicas/announcements.js'
import { t } from '../helpers/t.js'
import { until } from '../helpers/until.js'
import { WindowModel } from '../kernel/limits/window-model.js'
import { startRedis } from './redis-server.js'

const redis = await startRedis(t)
/** For tests of what Redis answers, and not when. */
const PATIENT_MS = 20_000
const KEY = fc.constantFrom('a', 'b')

function openLink(prefix: string, timeout_ms?: number) {
  const lines: string[] = []
  const log: RedisLog = {
    warn: (_fields, text) => void lines.push(text),
    info: (_fields, text) => void lines.push(text),
  }
  const link = new RedisLink(redis.url, prefix, log, timeout_ms)
  t.teardown(() => link.close())
  return { link, lines, log }
}

t.test('the script in Redis gives what the model of shared windows gives', async (t) => {
  const { link } = openLink('script', PATIENT_MS)
  await link.start()
  const demand = fc.record({
    key: KEY,
    replica: fc.constantFrom('one', 'two', 'three'),
    counted: fc.nat(50),
    needed: fc.nat(20),
    share: fc.nat(30),
    quota: fc.integer({ min: 1, max: 200 }),
    replicas: fc.integer({ min: 1, max: 4 }),
  })
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(demand, { maxLength: 30 }), async (demands) => {
      run += 1
      const model = new WindowModel(() => 0)
      for (const { key, replica, ...rest } of demands) {
        const asked = { ...rest, left_ms: 60_000 }
        const expected = model.take(replica, key, asked)
        const seen = await redisWindows(link, replica).take(`${run}:${key}`, asked)
        if (seen.own !== expected.own || seen.others !== expected.others) return false
        if (seen.left_ms > 60_000 || seen.left_ms < 50_000) return seen.own === 0
      }
      return true
    }),
    { numRuns: 60 },
  )
  const [key = ''] = redis.command('keys', 'script:budget:*').trim().split('\n')
  t.ok(Number(redis.command('pttl', key)) > 0, 'every key expires')
})

t.test('a window ends in Redis, and the next one begins at zero', async (t) => {
  const { link } = openLink('ending', PATIENT_MS)
  await link.start()
  const windows = redisWindows(link, 'one')
  const demand = { counted: 0, needed: 5, share: 0, quota: 10, replicas: 1, left_ms: 1_000 }
  t.match(await windows.take('a', demand), { own: 5, others: 0 })
  t.match(await windows.take('a', demand), { own: 10, others: 0 })
  await until('the window has ended', async () => (await windows.take('a', { ...demand, needed: 0 })).own === 0)
  t.match(await windows.take('a', demand), { own: 5, others: 0 })
})

for (const [what, { away, back }] of Object.entries({
  'is stopped': { away: () => redis.pause(), back: () => redis.proceed() },
  'is killed': { away: () => redis.kill(), back: () => redis.start() },
  'only reads': { away: () => redis.readOnly(true), back: () => redis.readOnly(false) },
  'has no memory left': {
    away: () => void redis.command('config', 'set', 'maxmemory', '1'),
    back: () => void redis.command('config', 'set', 'maxmemory', '0'),
  },
})) {
  t.test(`while Redis ${what}, at most the calls of one moment wait for it, and it comes back by itself`, async (t) => {
    const { link, lines } = openLink(what.replaceAll(' ', '-'))
    await link.start()
    const windows = redisWindows(link, 'one')
    const demand = { counted: 0, needed: 1, share: 0, quota: 1_000_000, replicas: 1, left_ms: 60_000 }
    const take = () =>
      windows.take('a', demand).then(
        () => 'taken',
        () => 'failed',
      )
    t.equal(await take(), 'taken')
    await away()
    const waits: number[] = []
    for (let call = 0; call < 50; call += 1) {
      const began = performance.now()
      if (link.isUp()) t.equal(await take(), 'failed')
      waits.push(performance.now() - began)
      await sleep(1)
    }
    t.notOk(link.isUp())
    const slow = waits.filter((ms) => ms > REDIS_TIMEOUT_MS / 2).length
    t.ok(slow <= 1, `${slow} of 50 calls in a row waited, the longest ${Math.max(...waits).toFixed(0)} ms`)
    await back()
    await until('the link is up', () => link.isUp(), { within_ms: 20_000 })
    t.equal(await take(), 'taken')
    t.equal(lines.length, 2, `one line each: ${lines}`)
  })
}

t.test('announcements reach the other side, go another way while Redis is away, and tell of each gap', async (t) => {
  const sent_otherwise: string[] = []
  const otherwise: Announcements = {
    announce: (text) => void sent_otherwise.push(text),
    onAnnounced: () => () => undefined,
    onGap: () => () => undefined,
  }
  const sides = await Promise.all(
    [0, 1].map(async () => {
      const { link, log } = openLink('events')
      const announcements = new RedisAnnouncements(redis.url, link, otherwise, log)
      t.teardown(() => announcements.close())
      const heard: string[] = []
      let gaps = 0
      announcements.onAnnounced((text) => void heard.push(text))
      announcements.onGap(() => {
        gaps += 1
      })
      await Promise.all([link.start(), announcements.start()])
      await until('it is subscribed', () => gaps === 1)
      return { link, announcements, heard, gaps: () => gaps }
    }),
  )
  const [one, other] = sides as [(typeof sides)[0], (typeof sides)[0]]
  one.announcements.announce('first')
  await until('it has arrived', () => other.heard.length === 1)
  t.same([one.heard, other.heard], [[], ['first']], 'a side does not hear itself')
  one.announcements.announce('x'.repeat(1_001))
  await redis.kill()
  await until('the end of the connection is known', () => !one.link.isUp())
  one.announcements.announce('meanwhile')
  t.same(sent_otherwise, ['meanwhile'])
  await redis.start()
  await until('both have subscribed again', () => one.gaps() === 2 && other.gaps() === 2, { within_ms: 20_000 })
  await until('the link is up', () => one.link.isUp(), { within_ms: 20_000 })
  one.announcements.announce('later')
  await until('it has arrived', () => other.heard.length === 2)
  t.same(other.heard, ['first', 'later'])

  // The network can lose a connection without a word. The subscriber would wait for ever.
  redis.pause()
  one.announcements.announce('unheard')
  await until('it went another way', () => sent_otherwise.length === 2)
  await until('the silent connection is given up', () => !other.announcements.isListening())
  redis.proceed()
  await until('both have subscribed again', () => one.gaps() === 3 && other.gaps() === 3, { within_ms: 20_000 })
  await until('the link is up again', () => one.link.isUp(), { within_ms: 20_000 })
  one.announcements.announce('after a pause')
  await until('it has arrived', () => other.heard.includes('after a pause'), { within_ms: 20_000 })
})

// The network can lose a connection between its start and the first answer. The client would wait for that without a limit.
t.test('a connection that opens and is not answered is given up', async (t) => {
  const opened = new Set<Socket>()
  let connections = 0
  const silent = createServer((socket) => {
    connections += 1
    opened.add(socket.resume())
    socket.on('error', () => undefined).once('close', () => opened.delete(socket))
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    silent.close()
    for (const socket of opened) socket.destroy()
  })
  await until('it listens', () => silent.listening)
  const url = `redis://127.0.0.1:${(silent.address() as AddressInfo).port}`
  const { link, log } = openLink('silent')
  const nowhere: Announcements = {
    announce: () => undefined,
    onAnnounced: () => () => undefined,
    onGap: () => () => undefined,
  }
  const announcements = new RedisAnnouncements(url, link, nowhere, log)
  t.teardown(() => announcements.close())
  await announcements.start()
  t.notOk(announcements.isListening())
  await until('it connects again', () => connections === 2)
  t.equal(opened.size, 1, 'the first connection has ended')
})
