import { asUnavailable } from '../../../src/kernel/database/errors.js'
import { Pulse, silentMs } from '../../../src/kernel/database/pulse.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

const never = () => new Promise<never>(() => undefined)

// A question keeps the process running by its connection, and the timers of the pulse do not. Here no question has one.
const running = setInterval(() => undefined, 60_000)
t.teardown(() => clearInterval(running))

t.test('when a question stays without an answer, everything that waits is refused, and so is what comes', async (t) => {
  let losses = 0
  const pulse = new Pulse({
    probe: never,
    onSilence() {
      losses += 1
    },
  })
  t.equal(await pulse.guard(async () => 'before'), 'before')
  const waiting = pulse.guard(never).catch((error: unknown) => error)
  void pulse.watch(never())
  const error = await waiting
  t.ok(silentMs(error) > 1_000, 'the error says for how long there was no answer')
  t.equal(asUnavailable(error)?.code, 'service_unavailable')
  t.equal(losses, 1, 'the connections are given up')
  let tried = 0
  const next = pulse.guard(async () => {
    tried += 1
  })
  await t.rejects(next, { code: 'ESILENT' })
  t.equal(tried, 0, 'the server is not asked')

  await pulse.watch(Promise.resolve())
  t.equal(await pulse.guard(async () => 'after'), 'after', 'an answer ends it')
})

t.test('an operation that fails for another reason is no silence', async (t) => {
  const pulse = new Pulse({ probe: never, onSilence: () => t.fail('it is not silent') })
  const refused = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' })
  await t.rejects(
    pulse.guard(() => Promise.reject(refused)),
    refused,
  )
  t.equal(silentMs(refused), 0)
  const failing = pulse.watch(Promise.reject(refused)).catch(() => 'failed')
  t.equal(await failing, 'failed')
  t.equal(await until('it goes on', () => pulse.guard(async () => 'served')), 'served')
})

// A checkpoint on a slow disk holds up writes for seconds, and reads go on.
t.test('a question that waits while a read has its answer is no silence', async (t) => {
  let probes = 0
  const probe = async () => {
    probes += 1
  }
  const pulse = new Pulse({ probe, onSilence: () => t.fail('it is not silent') })
  let answer: (value: string) => void = () => undefined
  const question = pulse.watch(new Promise<string>((resolve) => (answer = resolve)))
  await until('the read was tried twice', () => probes === 2)
  t.equal(await pulse.guard(async () => 'served'), 'served')
  answer('late')
  t.equal(await question, 'late')
})
