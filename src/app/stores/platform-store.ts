import { RefusalsWriter } from '../../features/audit/refusals-store.js'
import { AuditReader } from '../../features/audit/store.js'
import { CredentialsWriter } from '../../features/auth/password-store.js'
import { SessionsReader, SessionsWriter } from '../../features/auth/sessions-store.js'
import { UsersReader, UsersWriter } from '../../features/auth/users-store.js'
import { TicketRedeemer } from '../../features/conversations/stream/tickets-store.js'
import { InvitationAnswersReader, InvitationAnswersWriter } from '../../features/invitations/answer-store.js'
import { KeyUseCounter } from '../../features/keys/use-store.js'
import { AnalyticsReader } from '../../features/platform/analytics/store.js'
import { OperatorsReader, OperatorsWriter } from '../../features/platform/operators/store.js'
import { TenantControlWriter } from '../../features/platform/tenants/control-store.js'
import { TenantsReader, TenantsWriter } from '../../features/platform/tenants/store.js'
import { UsageCounter } from '../../features/usage/store.js'
import type { Database } from '../../kernel/database/database.js'
import type { Action } from '../../kernel/store/actions.js'
import type { Origin } from '../../kernel/store/audit-record.js'
import { IdempotencyRecords } from '../../kernel/store/idempotency-records.js'
import {
  type Prelude,
  type Publish,
  type ReadScope,
  UnitOfWork,
  type WriteScope,
} from '../../kernel/store/unit-of-work.js'
import type { Clock } from '../../kernel/time/clock.js'
import { ExpiredRows } from './expired-rows.js'

/** What can be read of the platform: identities and tenants. */
class PlatformReaders {
  constructor(private readonly scope: ReadScope) {}
  get audit() {
    return new AuditReader(this.scope, undefined)
  }
  get users() {
    return new UsersReader(this.scope)
  }
  get operators() {
    return new OperatorsReader(this.scope)
  }
  get analytics() {
    return new AnalyticsReader(this.scope)
  }
  get sessions() {
    return new SessionsReader(this.scope)
  }
  get invitation_answers() {
    return new InvitationAnswersReader(this.scope)
  }
  get tenants() {
    return new TenantsReader(this.scope)
  }
}

/** What can be changed of the platform, inside of one transaction. */
class PlatformWriters {
  constructor(private readonly scope: WriteScope) {}
  get users() {
    return new UsersWriter(this.scope)
  }
  get sessions() {
    return new SessionsWriter(this.scope)
  }
  get tenant_control() {
    return new TenantControlWriter(this.scope)
  }
  get operators() {
    return new OperatorsWriter(this.scope)
  }
  get refusals() {
    return new RefusalsWriter(this.scope)
  }
  get credentials() {
    return new CredentialsWriter(this.scope)
  }
  get invitation_answers() {
    return new InvitationAnswersWriter(this.scope)
  }
  get tenants() {
    return new TenantsWriter(this.scope)
  }
}

/** What may be counted or cleared away without an audit event: nobody decided it. */
class PlatformCounters {
  constructor(private readonly scope: ReadScope) {}
  get expired() {
    return new ExpiredRows(this.scope)
  }
  get usage() {
    return new UsageCounter(this.scope)
  }
  get tickets() {
    return new TicketRedeemer(this.scope)
  }
  get key_use() {
    return new KeyUseCounter(this.scope)
  }
}

/** The store of the platform. Its database role cannot see the data plane of any tenant. */
export class PlatformStore {
  readonly #unit: UnitOfWork

  constructor(database: Database, clock: Clock, origin: () => Origin, prelude?: Prelude, publish?: Publish) {
    this.#unit = new UnitOfWork(database, { role: 'gatehouse_platform' }, clock, origin, prelude, publish)
  }

  /** The records of requests that carried an Idempotency-Key. */
  get idempotency(): IdempotencyRecords {
    return new IdempotencyRecords(this.#unit)
  }

  /** Reads. Each statement travels as one batch. */
  read<T>(work: (store: PlatformReaders) => Promise<T>): Promise<T> {
    return this.#unit.read((scope) => work(new PlatformReaders(scope)))
  }

  /** Adds to counters, in one transaction. */
  count<T>(work: (store: PlatformCounters) => Promise<T>): Promise<T> {
    return this.#unit.count((scope) => work(new PlatformCounters(scope)))
  }

  /** Writes, in one transaction with the audit event of that name. */
  write<T>(action: Action, work: (store: PlatformWriters) => Promise<T>): Promise<T> {
    return this.#unit.write(action, (scope) => work(new PlatformWriters(scope)))
  }
}
