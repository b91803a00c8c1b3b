import { sharedResult } from '../../../src/kernel/jobs/shared-result.js'
import { t } from '../../helpers/t.js'

// Attack: a client sends many probes, so that each of them opens a connection to the database.
t.test(
  'calls within the time share one run, also while it runs and when it fails, and a later call runs again',
  async (t) => {
    let now_ms = 0
    let runs = 0
    const check = sharedResult(
      async () => {
        runs += 1
        if (runs === 2) throw new Error('failed')
        return runs
      },
      500,
      () => now_ms,
    )
    t.same(await Promise.all([check(), check(), check()]), [1, 1, 1])
    now_ms = 499
    t.equal(await check(), 1)
    now_ms = 500
    await t.rejects(check(), { message: 'failed' })
    await t.rejects(check(), { message: 'failed' })
    t.equal(runs, 2)
    now_ms = 1_000
    t.equal(await check(), 3)
  },
)
