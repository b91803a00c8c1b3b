import { once } from 'node:events'
import fastify from 'fastify'
import { schedule, scheduleUntilClose } from '../../../src/kernel/jobs/schedule.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

const NEVER_MS = 3_600_000
const SILENT = { warn: () => undefined }

t.test('a job repeats, and a failed run is logged with the name of the job and does not stop it', async (t) => {
  const logged: object[] = []
  let runs = 0
  const run = async () => {
    runs += 1
    throw new Error(`run ${runs}`)
  }
  const job = schedule({ name: 'failing', every_ms: 1, run }, { warn: (fields) => logged.push(fields) })
  await until('three runs', () => logged.length >= 3)
  await job.stop()
  t.match(logged[0], { job: 'failing', err: { message: 'run 1' } })
  t.match(logged[2], { job: 'failing', err: { message: 'run 3' } })
})

t.test('runs never overlap: a timer that fires during a run starts no other run', async (t) => {
  let running = 0
  let most = 0
  let runs = 0
  const run = async () => {
    running += 1
    most = Math.max(most, running)
    await new Promise((resolve) => setTimeout(resolve, 10))
    running -= 1
    runs += 1
  }
  const job = schedule({ name: 'slow', every_ms: 1, run }, SILENT)
  const asked = [job.run(), job.run()]
  await Promise.all(asked)
  t.ok(runs >= 2, 'each requested run happens after the one in progress')
  await until('more runs', () => runs >= 5)
  await job.stop()
  t.equal(running, 0, 'a stop waits for the run in progress')
  t.equal(most, 1)
})

t.test('run() starts the job at once and resolves after the run, also if the run fails', async (t) => {
  let runs = 0
  const run = () => {
    runs += 1
    if (runs === 1) throw new Error('the first one')
  }
  const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const job = schedule({ name: 'rare', every_ms: NEVER_MS, run }, SILENT)
  t.equal(
    process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    before,
    'the timer does not keep the process running',
  )
  await job.run()
  await job.run()
  t.equal(runs, 2)
  await job.stop()
})

t.test('each interval is shortened by up to a tenth, so that replicas do not run a job together', async (t) => {
  const delays: number[] = []
  t.capture(globalThis, 'setTimeout', (_run: () => void, delay: number) => {
    delays.push(delay)
    return { unref: () => undefined }
  })
  for (let replica = 0; replica < 100; replica += 1)
    schedule({ name: 'x', every_ms: 1000, run: () => undefined }, SILENT)
  t.ok(delays.every((delay) => delay > 900 && delay <= 1000))
  t.ok(new Set(delays).size > 90)
})

t.test('a job with runs_at_close runs when the gateway closes, after the preClose hooks', async (t) => {
  const app = fastify()
  const collected = ['first']
  const written: string[] = []
  const run = () => written.push(...collected.splice(0))
  scheduleUntilClose(app, { name: 'write', every_ms: NEVER_MS, run }, { runs_at_close: true })
  let swept = 0
  scheduleUntilClose(app, { name: 'sweep', every_ms: NEVER_MS, run: () => (swept += 1) })
  app.addHook('preClose', async () => void collected.push('last'))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const closed = once(app.server, 'close')
  await app.close()
  await closed
  t.strictSame(written, ['first', 'last'])
  t.equal(swept, 0, 'a job without runs_at_close')
})
