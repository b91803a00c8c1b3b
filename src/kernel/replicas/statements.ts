import { type Database, FACTS_SHARE } from '../database/database.js'
import { type ChangeRow, changeOf, type FactChange } from './fact-change.js'
import type { Snapshot } from './snapshot.js'

const CHANGES_MAX = 2_000

const FACTS = { role: 'gatehouse_platform', share: FACTS_SHARE } as const

/**
 * SQL for the changes that the snapshot of the statement contains and an earlier one, `fence`, does not. A number in the order
 * of the inserts would lose changes, because transactions commit in another order. A fence does not contain the transactions
 * that had not begun, and those that were running. The index finds both, so a transaction that stays open for hours costs one
 * look and not all changes since its beginning. The condition leaves out rows that were restored from the backup of another
 * server. More changes than CHANGES_MAX become the one that anything may have changed, so that a change of many rows takes no
 * replica longer than its lease.
 */
export const changesAfter = (fence: string) => `(
  select case when count(*) > ${CHANGES_MAX} then '[["all", null, null, null]]'
    else coalesce(json_agg(json_build_array(c.about, c.of_tenant, c.of_user, c.id)), '[]') end
  from (
    select * from (
      select * from fact_changes where xid >= pg_snapshot_xmax(${fence})
      union all
      select fact_changes.* from pg_snapshot_xip(${fence}) as running join fact_changes on xid = running) every
    where xid < pg_snapshot_xmax(pg_current_snapshot()) limit ${CHANGES_MAX + 1}) c)`

const CHANGES = `select pg_current_snapshot()::text as snapshot, ${changesAfter('f.fence')} as changes
  from (select coalesce($1::text::pg_snapshot, pg_current_snapshot()) as fence) f`

export interface ChangesSince {
  readonly snapshot: Snapshot
  readonly changes: readonly FactChange[]
}

/** Reads the changes after a fence, or only the first fence, in one statement. */
export async function changesSince(database: Database, fence: Snapshot | undefined): Promise<ChangesSince> {
  const statement = { text: CHANGES, values: [fence ?? null], row_mode: 'object' } as const
  const [row] = (await database.readOne(FACTS, statement)) as [{ snapshot: Snapshot; changes: ChangeRow[] }]
  return { snapshot: row.snapshot, changes: row.changes.map(changeOf) }
}

/** Deletes the changes of all transactions that had ended before a fence, on the embedded engine. */
export async function deleteChangesBefore(database: Database, fence: Snapshot): Promise<void> {
  const text = 'delete from fact_changes where xid < pg_snapshot_xmin($1::text::pg_snapshot)'
  await database.transaction(FACTS, (run) => run({ text, values: [fence], row_mode: 'object' }))
}
