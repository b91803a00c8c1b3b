import type { Test } from 'tap'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { deferred } from './deferred.js'
import type { TestGateway } from './gateway.js'
import { startGateway } from './gateway.js'
import { until } from './until.js'

/** Starts a gateway and a second one on its database, whose transactions a test holds. The teardown closes both. */
export async function startWithHeldReplica(t: Test) {
  const signing_keys = generateSigningKeys()
  const gateway = await startGateway({ signing_keys })
  const { replica, hold } = await startHeldReplica(gateway, signing_keys)
  t.teardown(async () => {
    await replica.close()
    await gateway.close()
  })
  return { gateway, replica, hold }
}

/** A second gateway on the database of the first one. Its transactions wait while a test holds them. */
async function startHeldReplica(gateway: TestGateway, signing_keys: string) {
  const { database } = gateway
  let released = Promise.resolve()
  let waiting = 0
  const replica = await startGateway({
    signing_keys,
    on: {
      ...gateway.test_database,
      database: {
        ...database,
        async transaction(binding, work, onFactsChanged) {
          waiting += 1
          await released
          return database.transaction(binding, work, onFactsChanged)
        },
      },
    },
  })
  return {
    replica,
    /**
     * Sends requests and waits until all of them have passed the table and wait for their transaction.
     * @returns the responses, and the function that lets the transactions begin
     */
    async hold<T>(count: number, send: () => Promise<T>): Promise<{ answers: Promise<T>[]; release: () => void }> {
      const { promise, resolve } = deferred()
      released = promise
      waiting = 0
      const answers = Array.from({ length: count }, send)
      await until(`${count} transactions wait`, () => waiting >= count)
      return { answers, release: resolve }
    },
  }
}
