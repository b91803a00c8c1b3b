import { NO_STORE_PARTS } from '../../src/kernel/store/store-parts.js'
import { composeStores, type StoreServices } from '../../src/kernel/store/stores.js'
import type { ReadScope, WriteScope } from '../../src/kernel/store/unit-of-work.js'

class RawReader {
  constructor(readonly scope: ReadScope) {}
}

class RawWriter {
  constructor(readonly scope: WriteScope) {}
}

const compose = composeStores({
  raw: { ...NO_STORE_PARTS, tenant_readers: { raw: RawReader }, tenant_writers: { raw: RawWriter } },
})

/**
 * Stores whose only part exposes the scope of its transaction, for tests of the behaviour that all stores share. They wait for
 * no replica, because no test asks one.
 */
export function openRawStores(services: Omit<StoreServices, 'barrier'>) {
  return compose({ ...services, barrier: { pass: async () => undefined } })
}
