import { EXPIRED_AT_ONCE, type Expired } from '../features/privacy/retention-store.js'
import { systemOrigin } from '../kernel/store/audit-record.js'
import type { Stores } from './composition/stores.js'

export const RETENTION_EVERY_MS = 3_600_000
/** The time of one tenant in one run. What is left expires in the next run. */
const TENANT_MS_MAX = 30_000
const RETENTION = systemOrigin('retention')

/**
 * Deletes what the retention of each tenant does not keep, in short transactions. Several replicas can run it at the same
 * time: each skips the rows that another one is deleting. A tenant whose deletion fails does not stop those of the others.
 *
 * @throws the first error, after all tenants
 */
export async function applyRetention(stores: Stores): Promise<void> {
  const errors: unknown[] = []
  for (const tenant_id of await stores.platform(() => RETENTION).read((store) => store.retention.tenants())) {
    await applyTo(stores, tenant_id).catch((error: unknown) => errors.push(error))
  }
  if (errors.length > 0) throw errors[0]
}

async function applyTo(stores: Stores, tenant_id: string): Promise<void> {
  const store = stores.tenant(tenant_id, () => RETENTION)
  const deadline = performance.now() + TENANT_MS_MAX
  let expired: Expired
  do {
    expired = await store.write('retention.applied', (writers) => writers.retention.deleteSome())
  } while (Object.values(expired).includes(EXPIRED_AT_ONCE) && performance.now() < deadline)
}
