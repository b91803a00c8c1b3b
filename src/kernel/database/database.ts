import type { Pooling } from './session-settings.js'

/**
 * The database, as the stores use it: one type for two engines.
 */

/**
 * The database role of a transaction, and its tenant. Every statement of a store runs with a binding.
 *
 * `share` names the user or the client that an operation on the platform is for. Shares divide the connections, so that
 * none of them can use all. The share of an operation on a tenant is the tenant.
 */
export type Binding =
  | { readonly role: 'gatehouse_tenant'; readonly tenant_id: string }
  | { readonly role: 'gatehouse_platform'; readonly share: string }

/** The share of the facts of callers. Every request waits for its facts, so they go before everything else. */
export const FACTS_SHARE = 'facts'

/** Returns the share of the connections that a binding uses. */
export function shareOf(binding: Binding): string {
  return binding.role === 'gatehouse_tenant' ? binding.tenant_id : binding.share
}

export type Row = Record<string, unknown>

/** A statement with its values. It returns rows as objects, or as arrays in the order of the columns. */
export interface Statement {
  readonly text: string
  readonly values: readonly unknown[]
  readonly row_mode: 'object' | 'array'
}

/** Runs one statement: in a batch of its own, or in the open transaction that the caller was given. */
export type Run = (statement: Statement) => Promise<unknown[]>

/**
 * The work of one transaction. `finish` runs the last statement and commits in the same round trip, so that the server
 * holds the locks of that statement as briefly as possible. The work must not run a statement after it.
 */
export type Work<T> = (run: Run, finish: Run) => Promise<T>

export interface Database {
  readonly engine: 'embedded' | 'pooled'
  /**
   * Runs one read in its own implicit transaction, bound in the same round trip.
   * @throws the error of the driver
   */
  readOne(binding: Binding, statement: Statement): Promise<unknown[]>
  /**
   * Runs `work` in one bound transaction. If `work` throws, the transaction is rolled back.
   *
   * @param onFactsChanged is called after the commit with the number of the transaction, if it changed a fact that
   *   authorisation reads. Whoever answers for the change waits for the barrier of the replicas first.
   */
  transaction<T>(binding: Binding, work: Work<T>, onFactsChanged?: (xid: string) => void): Promise<T>
  /** Unbound statements for migrations and for the checks before the start. */
  readonly owner: OwnerConnection
  /** Looks at what a pooler does in front of the server. The embedded engine has none. */
  readonly lookAtPooling?: () => Promise<PoolingOfDatabase>
  /**
   * Replaces the idle connections, at most once in some seconds. After a failover they can be to a server that only reads, and
   * nothing else would end them while no request writes. The embedded engine has none.
   */
  readonly replaceIdle?: () => Promise<void>
  /** Opens a connection that hears notifications. The embedded engine has none, because no other process uses its database. */
  readonly listen?: Listen
  /** The replicas of this process. Each function passes on every change of facts that was committed before its call. */
  readonly fact_watchers: Set<() => Promise<void>>
  /** The number of busy connections and of waiting requests, for readiness and metrics. */
  load(): { readonly busy: number; readonly waiting: number }
  close(): Promise<void>
}

/** What poolers do, and what the configuration says of them. */
export interface PoolingOfDatabase {
  readonly pool: Pooling
  /** Of the direct URL, if the configuration says that connections share sessions. */
  readonly direct: Pooling | undefined
}

/** Opens a connection of its own, as the role of the platform. Names of channels are part of a statement. */
export type Listen = (channels: readonly string[], events: ListenEvents) => Promise<ListeningConnection>

export interface ListenEvents {
  onNotification(channel: string, payload: string): void
  /** The connection has ended, by whichever side. */
  onEnd(): void
}

export interface ListeningConnection {
  /** Runs one statement. @throws the error of the driver, also when the connection is lost */
  run(text: string, values: readonly unknown[]): Promise<Row[]>
  close(): Promise<void>
}

/** Plain statements on one connection, for migrations and preconditions. */
export interface OwnerConnection {
  query(text: string): Promise<Row[]>
  /** Runs `work` while no other process migrates this database. */
  exclusively<T>(work: (query: (text: string) => Promise<Row[]>) => Promise<T>): Promise<T>
}

/** The advisory lock that processes wait for before they migrate. */
export const MIGRATION_LOCK = 727_001

/** Returns the tenant of a binding as text for the setting; empty for the platform. */
export function boundTenant(binding: Binding): string {
  return binding.role === 'gatehouse_tenant' ? binding.tenant_id : ''
}
