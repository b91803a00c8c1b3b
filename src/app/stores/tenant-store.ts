import { ExplainReader } from '../../features/access/explain-store.js'
import { AuditReader } from '../../features/audit/store.js'
import { ReadMarkersWriter } from '../../features/conversations/markers-store.js'
import { ConversationMembersReader, ConversationMembersWriter } from '../../features/conversations/members/store.js'
import { MessagesReader } from '../../features/conversations/messages/reader.js'
import { MessagesWriter } from '../../features/conversations/messages/store.js'
import { ConversationsReader } from '../../features/conversations/reader.js'
import { ReportsReader, ReportsWriter } from '../../features/conversations/reports/store.js'
import { ConversationsWriter } from '../../features/conversations/store.js'
import { TicketsWriter } from '../../features/conversations/stream/tickets-store.js'
import { CustomersReader, CustomersWriter } from '../../features/customers/store.js'
import { InvitationsReader, InvitationsWriter } from '../../features/invitations/store.js'
import { KeysReader, KeysWriter } from '../../features/keys/store.js'
import { OverridesReader, OverridesWriter } from '../../features/members/overrides/store.js'
import { MembersReader, MembersWriter } from '../../features/members/store.js'
import { RolesReader, RolesWriter } from '../../features/roles/store.js'
import { TenantReader, TenantWriter } from '../../features/tenants/store.js'
import { UsageReader } from '../../features/usage/store.js'
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

/** What can be read of one tenant. */
class TenantReaders {
  constructor(
    private readonly scope: ReadScope,
    private readonly tenant_id: string,
  ) {}
  get tenant() {
    return new TenantReader(this.scope, this.tenant_id)
  }
  get audit() {
    return new AuditReader(this.scope, this.tenant_id)
  }
  get keys() {
    return new KeysReader(this.scope, this.tenant_id)
  }
  get members() {
    return new MembersReader(this.scope, this.tenant_id)
  }
  get invitations() {
    return new InvitationsReader(this.scope, this.tenant_id)
  }
  get overrides() {
    return new OverridesReader(this.scope, this.tenant_id)
  }
  get explain() {
    return new ExplainReader(this.scope, this.tenant_id)
  }
  get usage() {
    return new UsageReader(this.scope, this.tenant_id)
  }
  get roles() {
    return new RolesReader(this.scope, this.tenant_id)
  }
  get customers() {
    return new CustomersReader(this.scope, this.tenant_id)
  }
  get conversations() {
    return new ConversationsReader(this.scope, this.tenant_id)
  }
  get conversation_members() {
    return new ConversationMembersReader(this.scope, this.tenant_id)
  }
  get messages() {
    return new MessagesReader(this.scope, this.tenant_id)
  }
  get reports() {
    return new ReportsReader(this.scope, this.tenant_id)
  }
}

/** What can be changed in one tenant, inside of one transaction. */
class TenantWriters {
  constructor(
    private readonly scope: WriteScope,
    private readonly tenant_id: string,
  ) {}
  get keys() {
    return new KeysWriter(this.scope, this.tenant_id)
  }
  get invitations() {
    return new InvitationsWriter(this.scope, this.tenant_id)
  }
  get overrides() {
    return new OverridesWriter(this.scope, this.tenant_id)
  }
  get tenant() {
    return new TenantWriter(this.scope, this.tenant_id)
  }
  get roles() {
    return new RolesWriter(this.scope, this.tenant_id)
  }
  get members() {
    return new MembersWriter(this.scope, this.tenant_id)
  }
  get customers() {
    return new CustomersWriter(this.scope, this.tenant_id)
  }
  get conversations() {
    return new ConversationsWriter(this.scope, this.tenant_id)
  }
  get conversation_members() {
    return new ConversationMembersWriter(this.scope, this.tenant_id)
  }
  get messages() {
    return new MessagesWriter(this.scope, this.tenant_id)
  }
  get read_markers() {
    return new ReadMarkersWriter(this.scope, this.tenant_id)
  }
  get reports() {
    return new ReportsWriter(this.scope, this.tenant_id)
  }
  get tickets() {
    return new TicketsWriter(this.scope, this.tenant_id)
  }
}

/** The store of one tenant: what a handler holds instead of the database. */
export class TenantStore {
  readonly #unit: UnitOfWork
  readonly #tenant_id: string

  constructor(
    database: Database,
    tenant_id: string,
    clock: Clock,
    origin: () => Origin,
    prelude?: Prelude,
    publish?: Publish,
  ) {
    this.#unit = new UnitOfWork(database, { role: 'gatehouse_tenant', tenant_id }, clock, origin, prelude, publish)
    this.#tenant_id = tenant_id
  }

  /** The records of requests that carried an Idempotency-Key. */
  get idempotency(): IdempotencyRecords {
    return new IdempotencyRecords(this.#unit)
  }

  /** Reads. Each statement is bound to the tenant and travels as one batch. */
  read<T>(work: (store: TenantReaders) => Promise<T>): Promise<T> {
    return this.#unit.read((scope) => work(new TenantReaders(scope, this.#tenant_id)))
  }

  /** Writes, in one transaction with the audit event of that name. */
  write<T>(action: Action, work: (store: TenantWriters) => Promise<T>): Promise<T> {
    return this.#unit.write(action, (scope) => work(new TenantWriters(scope, this.#tenant_id)))
  }
}
