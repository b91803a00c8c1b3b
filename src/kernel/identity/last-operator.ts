import { and, count, eq, isNull, sql } from 'drizzle-orm'
import type { Privilege } from '../../contract/scopes.js'
import { Problem } from '../problems/problems.js'
import type { ReadScope } from '../store/unit-of-work.js'
import { operators } from './operators-table.js'
import { users } from './users-table.js'

/** An operator who holds this privilege can appoint others, so at least one active operator keeps it. */
export const APPOINTING: Privilege = 'platform:operators:manage'

/** Makes changes of operators wait for each other, so that two changes cannot each count on the other operator to stay. */
export async function queueOperatorChanges({ queries }: ReadScope): Promise<void> {
  await queries.execute(sql`select pg_advisory_xact_lock(727003)`)
}

/** @throws Problem `last_operator` when no active operator could appoint another one any more */
export async function checkOneOperatorStays({ queries }: ReadScope): Promise<void> {
  const [left] = await queries
    .select({ count: count() })
    .from(operators)
    .innerJoin(users, eq(users.id, operators.user_id))
    .where(and(sql`${operators.privileges} @> array[${APPOINTING}]::text[]`, isNull(users.disabled_at)))
  if ((left?.count ?? 0) === 0) throw new Problem('last_operator')
}
