import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { claimedCaller, LoopTurns } from '../../../src/app/http/loop-turns.js'
import { oneAtATime } from '../../../src/app/http/one-at-a-time.js'
import { randomSeed } from '../../helpers/random.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

// Attack: a tenant sends 60 requests at once, so that a request of another tenant waits until all of them have run.
t.test(
  'a request of another caller begins in the turn in which it arrives, although 60 of one caller wait',
  async (t) => {
    const turns = new LoopTurns()
    const begun: string[] = []
    turns.run('other', () => undefined)
    await turn()
    for (let number = 0; number < 60; number += 1) turns.run('greedy', () => begun.push('greedy'))
    turns.run('other', () => begun.push('other'))
    t.same(begun, ['greedy', 'other'])
    for (let number = 0; number < 60; number += 1) await turn()
    t.equal(begun.length, 61)
  },
)

t.test('a caller who has been alone for a second fills the turn, until another one comes', async (t) => {
  let now_ms = 0
  const turns = new LoopTurns(() => now_ms)
  const begun: string[] = []
  const send = (caller: string, count: number) => {
    for (let number = 0; number < count; number += 1) turns.run(caller, () => begun.push(caller))
  }
  send('other', 1)
  send('busy', 20)
  await turn()
  t.same(begun.splice(0), ['other', 'busy', 'busy'], 'one in each turn')
  now_ms = 1_001
  await turn()
  t.equal(begun.splice(0).length, 8, 'the turn is full')
  send('other', 1)
  await turn()
  t.same(begun.splice(0), ['busy', 'other'])
  for (let number = 0; number < 10; number += 1) await turn()
  t.equal(begun.length, 9)
})

t.test('callers that wait take turns, whatever the length of their queues', async (t) => {
  const turns = new LoopTurns()
  const begun: string[] = []
  const callers = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth']
  for (const caller of callers)
    for (let number = 0; number < 40; number += 1) turns.run(caller, () => begun.push(caller))
  const before = begun.length
  turns.run('late', () => begun.push('late'))
  t.equal(begun.length, before, 'the turn is full')
  await turn()
  await turn()
  t.ok(begun.includes('late'), 'it has begun when each of the others has had one turn')
  t.equal(begun.length, before + 16)
})

t.test(
  'every request begins once, in the order of its caller, and a turn begins a bounded number of them',
  async (t) => {
    const arrivals = fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 }), {
      minLength: 1,
      maxLength: 10,
    })
    await fc.assert(
      fc.asyncProperty(arrivals, async (of_turns) => {
        const turns = new LoopTurns()
        const sent = new Map<number, number>()
        const begun: { readonly caller: number; readonly number: number }[] = []
        let before = 0
        const check = () => {
          const now = begun.slice(before)
          before = begun.length
          const of_caller = (caller: number) => now.filter((each) => each.caller === caller).length
          // A turn of this test sees the end of one turn of the class, and the beginning of the next one.
          return now.length <= 16 && [0, 1, 2, 3, 4, 5].every((caller) => of_caller(caller) <= 8)
        }
        for (const callers of of_turns) {
          for (const caller of callers) {
            const number = sent.get(caller) ?? 0
            sent.set(caller, number + 1)
            turns.run(String(caller), () => begun.push({ caller, number }))
          }
          if (!check()) return false
          await turn()
          if (!check()) return false
        }
        const all = of_turns.flat().length
        for (let number = 0; begun.length < all && number < all; number += 1) await turn()
        const ordered = [0, 1, 2, 3, 4, 5].every((caller) => {
          const numbers = begun.filter((each) => each.caller === caller).map(({ number }) => number)
          return numbers.every((number, at) => number === at)
        })
        return begun.length === all && ordered
      }),
      { seed: randomSeed(t) },
    )
  },
)

// Attack: a stranger sends many requests in the name of a tenant, whose id its web page shows.
t.test('a request in the name of a tenant from another address waits in another line', (t) => {
  const claim = (remoteAddress: string, headers: Record<string, string>) =>
    claimedCaller({ headers: { 'x-tenant-id': 'acme', ...headers }, socket: { remoteAddress } } as never)
  const own = claim('203.0.113.7', { authorization: 'Bearer own' })
  t.equal(
    claim('203.0.113.7', { authorization: 'Bearer other' }),
    own,
    'users of a tenant behind one address share a line',
  )
  t.not(claim('198.51.100.9', {}), own)
  const behind_proxy = claim('10.0.0.1', { 'x-forwarded-for': '203.0.113.7' })
  t.not(claim('10.0.0.1', { 'x-forwarded-for': '203.0.113.7, 198.51.100.9' }), behind_proxy, 'the proxy appends')
  t.not(claim('203.0.113.7', { 'x-tenant-id': 'globex' }), own)
  t.end()
})

t.test('a request whose connection closes before its turn does not run', async (t) => {
  const connections = new Set<Socket>()
  let ran = 0
  let ran_for_nobody = 0
  const server = createServer(
    oneAtATime((request) => {
      ran += 1
      if (request.socket.destroyed) ran_for_nobody += 1
      // When all of them have arrived. At once, those that have not been read yet would never arrive.
      setImmediate(() => {
        for (const connection of connections) connection.destroy()
      })
    }),
  ).on('connection', (connection) => connections.add(connection))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const clients = Array.from({ length: 40 }, () => connect(port, '127.0.0.1').on('error', () => undefined))
  await until('the connections are open', () => connections.size === 40)
  // All of them arrive in one turn of the loop, because this turn sends them.
  for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('the connections are closed', () => clients.every(({ closed }) => closed))
  t.ok(ran > 0)
  t.equal(ran_for_nobody, 0)
})
