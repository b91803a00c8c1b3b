import { RedisLink } from '../../../src/kernel/redis/redis-link.js'
import { t } from '../../helpers/t.js'

t.test('the log says why a Redis that nobody started is away, once', async (t) => {
  const told: { err?: unknown }[] = []
  const log = { info: () => undefined, error: () => undefined, warn: (fields: { err?: unknown }) => told.push(fields) }
  // No program listens on this port.
  const link = new RedisLink('redis://127.0.0.1:1', 'test', log as never)
  await link.start()
  link.close()
  t.equal(told.length, 1)
  t.match(told[0]?.err, { code: 'ECONNREFUSED', port: 1 })
})
