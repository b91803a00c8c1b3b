import type { Feature } from '../../kernel/feature/feature.js'
import { MailQueue, WaitingMailsReader } from '../../kernel/mail/mail-queue.js'
import { mailbox_counts } from '../../kernel/mail/mails-table.js'
import { expiredRowsOf } from '../../kernel/store/expired-rows.js'
import { idempotency_records } from '../../kernel/store/idempotency-table.js'
import { NO_STORE_PARTS, type Opened } from '../../kernel/store/store-parts.js'
import {
  composeStores,
  type Store,
  type StoreFactory,
  type StoreServices,
  type UnauditedStore,
} from '../../kernel/store/stores.js'
import { FEATURES } from './features.js'

const EXPIRING = [
  idempotency_records,
  mailbox_counts,
  ...Object.values<Feature>(FEATURES).flatMap(({ expiring }) => expiring),
]

/** What the stores are composed from: the features, the queue of mails, and the sweep of what expires. */
const BROUGHT = {
  ...FEATURES,
  mail: {
    ...NO_STORE_PARTS,
    platform_readers: { waiting_mails: WaitingMailsReader },
    unaudited_writers: { mail_queue: MailQueue },
  },
  sweep: { ...NO_STORE_PARTS, unaudited_writers: { expired: expiredRowsOf(EXPIRING) } },
}
type Brought = typeof BROUGHT

// Interfaces and not aliases: the compiler then names them in its errors instead of writing out every member.
interface TenantReaders extends Opened<Brought, 'tenant_readers'> {}
interface TenantWriters extends Opened<Brought, 'tenant_writers'> {}
interface PlatformReaders extends Opened<Brought, 'platform_readers'> {}
interface PlatformWriters extends Opened<Brought, 'platform_writers'> {}
interface UnauditedWriters extends Opened<Brought, 'unaudited_writers'> {}

/** The store of one tenant: what a handler holds instead of the database. */
export interface TenantStore extends Store<TenantReaders, TenantWriters> {}

/** The store of the platform. Its database role cannot see the data plane of any tenant. */
export interface PlatformStore extends UnauditedStore<PlatformReaders, PlatformWriters, UnauditedWriters> {}

/** Makes every store of the process. */
export type Stores = StoreFactory<TenantStore, PlatformStore>

/** Makes the one factory of a process. All stores come from it, so all writes reach its bus. */
export const openStores: (services: StoreServices) => Stores = composeStores(BROUGHT)
