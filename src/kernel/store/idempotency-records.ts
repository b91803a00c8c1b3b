import { and, eq, inArray, lte, type SQL } from 'drizzle-orm'
import { Problem } from '../problems/problems.js'
import { instantOf } from '../time/clock.js'
import { idempotency_records } from './idempotency-table.js'
import type { ReadScope, UnitOfWork } from './unit-of-work.js'

const KEPT_HOURS = 24
/** The protocol allows 65,535 values in a statement. */
const IDS_OF_STATEMENT = 1_000

/** Identifies a request: an Idempotency-Key is unique within a tenant, a principal and a route. */
export interface IdempotencyMark {
  readonly tenant_id: string
  readonly principal: string
  readonly route: string
  readonly key: string
  readonly request_digest: Buffer
}

export interface IdempotencyRecord {
  readonly request_digest: Buffer
  /** The status of the response. Null while the first request runs, or if its response could not be stored. */
  readonly status: number | null
  /** Null as long as there is no status, and for a response that was deleted. */
  readonly answer: Buffer | null
  /** The age of the first request, in milliseconds. */
  readonly age_ms: number
}

/** The records of the requests of one store. */
export class IdempotencyRecords {
  constructor(private readonly unit: UnitOfWork) {}

  /** Finds the record of an earlier request. Returns undefined without one, or when it is too old. */
  find(mark: IdempotencyMark): Promise<IdempotencyRecord | undefined> {
    return this.unit.read(async ({ queries, now }) => {
      const [row] = await queries.select().from(idempotency_records).where(isMarked(mark))
      if (row === undefined || row.expires_at <= now) return undefined
      return { ...row, age_ms: Date.parse(now) - Date.parse(row.created_at) }
    })
  }

  /**
   * Stores the response for replays.
   * @param object_id the created object; `forgetAnswers` finds the response by it
   */
  keep(mark: IdempotencyMark, status: number, answer: Buffer, object_id: string | null): Promise<void> {
    return this.unit.writeUnaudited(async ({ queries }) => {
      await queries.update(idempotency_records).set({ status, answer, object_id }).where(isMarked(mark))
    })
  }
}

/**
 * Claims the key in the transaction of the change, so that both are committed or neither. A second request with the key
 * waits here until the first transaction ends, and is then refused.
 *
 * @throws Problem `idempotency_in_progress`
 */
export async function claimRecord({ queries, now }: ReadScope, mark: IdempotencyMark): Promise<void> {
  await queries.delete(idempotency_records).where(and(isMarked(mark), lte(idempotency_records.expires_at, now)))
  const claimed = await queries
    .insert(idempotency_records)
    .values({ ...mark, created_at: now, expires_at: instantOf(Date.parse(now) + KEPT_HOURS * 3_600_000) })
    .onConflictDoNothing()
    .returning({ key: idempotency_records.key })
  if (claimed.length === 0) throw inProgress()
}

/**
 * Deletes the stored responses that a condition selects. A repeated request then learns that its response is lost, and
 * creates nothing again.
 */
export async function deleteAnswers({ queries }: ReadScope, which: SQL | undefined): Promise<void> {
  await queries.update(idempotency_records).set({ answer: null }).where(which)
}

/** Deletes the stored responses to the creation of these objects of a tenant, because the objects are erased. */
export async function forgetAnswers(scope: ReadScope, tenant_id: string, object_ids: readonly string[]): Promise<void> {
  const { tenant_id: of_tenant, object_id } = idempotency_records
  for (let start = 0; start < object_ids.length; start += IDS_OF_STATEMENT) {
    const some = object_ids.slice(start, start + IDS_OF_STATEMENT)
    await deleteAnswers(scope, and(eq(of_tenant, tenant_id), inArray(object_id, some)))
  }
}

/** Returns the 409 for a request whose first request is still running. */
export function inProgress(): Problem {
  return new Problem('idempotency_in_progress', { headers: { 'retry-after': '1' } })
}

function isMarked({ tenant_id, principal, route, key }: IdempotencyMark) {
  return and(
    eq(idempotency_records.tenant_id, tenant_id),
    eq(idempotency_records.principal, principal),
    eq(idempotency_records.route, route),
    eq(idempotency_records.key, key),
  )
}
