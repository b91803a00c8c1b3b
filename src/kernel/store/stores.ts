import type { Binding, Database } from '../database/database.js'
import type { Barrier } from '../replicas/barrier.js'
import type { Clock } from '../time/clock.js'
import type { Action } from './actions.js'
import { type Origin, shareOfOrigin } from './audit-record.js'
import type { Bus } from './bus.js'
import { IdempotencyRecords } from './idempotency-records.js'
import { type BroughtParts, type Opened, openerOf } from './store-parts.js'
import { type Prelude, type ReadScope, UnitOfWork, type WriteScope } from './unit-of-work.js'

/** What code holds instead of the database: the parts that it may use, bound to one tenant or to the platform. */
export interface Store<Readers, Writers> {
  /** The records of requests that carried an Idempotency-Key. */
  readonly idempotency: IdempotencyRecords
  /** Reads. Each statement is bound and travels in one round trip. */
  read<T>(work: (store: Readers) => Promise<T>): Promise<T>
  /** Writes, in one transaction with the audit event of that name. */
  write<T>(action: Action, work: (store: Writers) => Promise<T>): Promise<T>
}

/** A store that may also write without an audit event. A guard lists every file that does. */
export interface UnauditedStore<Readers, Writers, Unaudited> extends Store<Readers, Writers> {
  /** Writes, in one transaction that leaves no audit event and publishes nothing. */
  writeUnaudited<T>(work: (store: Unaudited) => Promise<T>): Promise<T>
}

/** What every store of a process works with. All of it is required: a store cannot be made that publishes nothing. */
export interface StoreServices {
  readonly database: Database
  readonly clock: Clock
  /** Receives the events of each write after its commit. */
  readonly bus: Bus
  /** What each write waits for that changed a fact of authorisation. */
  readonly barrier: Barrier
}

/** Makes the stores of a process. */
export interface StoreFactory<TenantStore, PlatformStore> {
  /**
   * The store of one tenant. Nothing in it can name another tenant.
   *
   * @param origin the author of its writes, read when a transaction begins.
   * @param prelude what every write begins with, in its transaction.
   */
  tenant(tenant_id: string, origin: () => Origin, prelude?: Prelude): TenantStore
  /** The store of the platform. Its database role cannot see the data plane of any tenant. */
  platform(origin: () => Origin, prelude?: Prelude): PlatformStore
}

/** The factory that these features compose. */
type ComposedStores<Features> = StoreFactory<
  Store<Opened<Features, 'tenant_readers'>, Opened<Features, 'tenant_writers'>>,
  UnauditedStore<
    Opened<Features, 'platform_readers'>,
    Opened<Features, 'platform_writers'>,
    Opened<Features, 'unaudited_writers'>
  >
>

const NO_PRELUDE: Prelude = async () => undefined

type Opener<Scope, TenantId, Open> = (scope: Scope, tenant_id: TenantId) => Open

/** Opens the parts of one kind of store; the same for every store of that kind. */
interface Openers<TenantId, Readers, Writers, Unaudited> {
  readonly readers: Opener<ReadScope, TenantId, Readers>
  readonly writers: Opener<WriteScope, TenantId, Writers>
  readonly unaudited: Opener<ReadScope, TenantId, Unaudited>
}

class BoundStore<TenantId, Readers, Writers, Unaudited> implements UnauditedStore<Readers, Writers, Unaudited> {
  readonly #makeUnit: () => UnitOfWork
  readonly #tenant_id: TenantId
  readonly #open: Openers<TenantId, Readers, Writers, Unaudited>
  #made: UnitOfWork | undefined

  constructor(makeUnit: () => UnitOfWork, tenant_id: TenantId, open: Openers<TenantId, Readers, Writers, Unaudited>) {
    this.#makeUnit = makeUnit
    this.#tenant_id = tenant_id
    this.#open = open
  }

  /** Made when it is used: a forwarded request has a store and never uses it. */
  get #unit(): UnitOfWork {
    this.#made ??= this.#makeUnit()
    return this.#made
  }

  get idempotency(): IdempotencyRecords {
    return new IdempotencyRecords(this.#unit)
  }

  read<T>(work: (store: Readers) => Promise<T>): Promise<T> {
    return this.#unit.read((scope) => work(this.#open.readers(scope, this.#tenant_id)))
  }

  write<T>(action: Action, work: (store: Writers) => Promise<T>): Promise<T> {
    return this.#unit.write(action, (scope) => work(this.#open.writers(scope, this.#tenant_id)))
  }

  writeUnaudited<T>(work: (store: Unaudited) => Promise<T>): Promise<T> {
    return this.#unit.writeUnaudited((scope) => work(this.#open.unaudited(scope, this.#tenant_id)))
  }
}

/**
 * Composes the stores from what the features bring.
 *
 * @returns a function that makes the one factory of a process.
 * @throws Error if two features bring the same name to one kind of parts.
 */
export function composeStores<Features>(
  features: Features & BroughtParts,
): (services: StoreServices) => ComposedStores<Features> {
  const tenant: Openers<string, Opened<Features, 'tenant_readers'>, Opened<Features, 'tenant_writers'>, object> = {
    readers: openerOf(features, 'tenant_readers'),
    writers: openerOf(features, 'tenant_writers'),
    unaudited: () => ({}),
  }
  const platform: Openers<
    undefined,
    Opened<Features, 'platform_readers'>,
    Opened<Features, 'platform_writers'>,
    Opened<Features, 'unaudited_writers'>
  > = {
    readers: openerOf(features, 'platform_readers'),
    writers: openerOf(features, 'platform_writers'),
    unaudited: openerOf(features, 'unaudited_writers'),
  }
  return ({ database, clock, bus, barrier }) => {
    const unitOf =
      (bindingNow: () => Binding, origin: () => Origin, prelude: Prelude = NO_PRELUDE) =>
      () =>
        new UnitOfWork({ database, clock, bus, barrier, bindingNow, origin, prelude })
    return {
      tenant: (tenant_id, origin, prelude) => {
        const binding: Binding = { role: 'gatehouse_tenant', tenant_id }
        return new BoundStore(
          unitOf(() => binding, origin, prelude),
          tenant_id,
          tenant,
        )
      },
      platform: (origin, prelude) => {
        const bindingNow = (): Binding => ({ role: 'gatehouse_platform', share: shareOfOrigin(origin()) })
        return new BoundStore(unitOf(bindingNow, origin, prelude), undefined, platform)
      },
    }
  }
}
