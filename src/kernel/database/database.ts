/**
 * The database as the stores see it: two engines behind one type. Nothing outside of `storage/` and `main.ts` holds it.
 */

/** The database role of a transaction, and its tenant. There is no way to run a statement without one. */
export type Binding =
  | { readonly role: 'gatehouse_tenant'; readonly tenant_id: string }
  | { readonly role: 'gatehouse_platform' }

export type Row = Record<string, unknown>

/** A statement with its values. Rows come back as objects, or as arrays in the order of the columns. */
export interface Statement {
  readonly text: string
  readonly values: readonly unknown[]
  readonly row_mode: 'object' | 'array'
}

/** Runs one statement in the place that the caller was given: a batch of its own, or an open transaction. */
export type Run = (statement: Statement) => Promise<unknown[]>

/**
 * What is done in one transaction. `finish` runs its last statement and commits in the same breath, so that what the
 * statement locks is held no longer than the server needs; nothing may be run after it.
 */
export type Work<T> = (run: Run, finish: Run) => Promise<T>

export interface Database {
  readonly engine: 'embedded' | 'pooled'
  /**
   * Runs one read in its own implicit transaction, bound in the same round trip.
   * @throws the driver's error; `unavailable` when the database cannot be reached.
   */
  readOne(binding: Binding, statement: Statement): Promise<unknown[]>
  /** Runs `work` in one bound transaction; whatever it throws rolls everything back. */
  transaction<T>(binding: Binding, work: Work<T>): Promise<T>
  /** Statements of the owner: migrations, and the checks before the start. Unbound. */
  readonly owner: OwnerConnection
  /** Connections that are busy and that wait, for readiness and metrics. */
  load(): { readonly busy: number; readonly waiting: number }
  close(): Promise<void>
}

/** What migrations and preconditions need: plain statements on one connection. */
export interface OwnerConnection {
  query(text: string): Promise<Row[]>
  /** Runs `work` while no other process migrates this database. */
  exclusively<T>(work: (query: (text: string) => Promise<Row[]>) => Promise<T>): Promise<T>
}

/** The advisory lock that migrating processes queue on: one number for this product. */
export const MIGRATION_LOCK = 727_001

/** The tenant of a binding as the setting wants it; the platform is bound to none. */
export function boundTenant(binding: Binding): string {
  return binding.role === 'gatehouse_tenant' ? binding.tenant_id : ''
}
