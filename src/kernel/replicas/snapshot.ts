/**
 * A snapshot of PostgreSQL as text, `xmin:xmax:xip,xip,...`: every transaction below `xmin` had ended, none from `xmax` on
 * had begun, and those in the list were in progress (PostgreSQL, "pg_snapshot Components").
 */
export type Snapshot = string

/** Whether a snapshot contains the effects of a committed transaction, as `pg_visible_in_snapshot` says. */
export function isVisible(xid: string, snapshot: Snapshot): boolean {
  const [xmin = '', xmax = '', in_progress = ''] = snapshot.split(':')
  const number = BigInt(xid)
  if (number < BigInt(xmin)) return true
  return number < BigInt(xmax) && !in_progress.split(',').includes(xid)
}
