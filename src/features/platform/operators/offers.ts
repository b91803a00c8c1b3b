import { and, not, sql } from 'drizzle-orm'
import { APPOINTING } from '../../../kernel/identity/last-operator.js'
import { operators } from '../../../kernel/identity/operators-table.js'
import type { WriteScope } from '../../../kernel/store/unit-of-work.js'

/** Whether a row of `operators` is an offer that its user has not accepted. */
export const isOffer = sql`"operators"."accepted_at" is null`

/** Whether the operator who made an offer could make it now: they are active, may appoint, and hold what they offered. */
export const isBacked = sql<boolean>`("operators"."offered_by" is null or exists (
  select from operators offerer join users on users.id = offerer.user_id
  where offerer.user_id = "operators"."offered_by" and users.disabled_at is null
    and offerer.privileges @> ("operators"."offered_privileges" || array[${APPOINTING}]::text[])))`

/** What a change withdrew, for its audit event: the users whose offers were deleted. Absent if there are none. */
export interface Withdrawn {
  readonly withdrawn_appointments?: readonly string[]
}

/**
 * Withdraws the offers of operators who could not make them any more. Each change that takes privileges from an operator
 * calls it at its end, in the queue of such changes. Otherwise an operator who is dismissed could come back with an offer
 * that they made to a second user. The acceptance checks the operator again.
 */
export async function withdrawUnbackedAppointments({ queries }: WriteScope): Promise<Withdrawn> {
  const rows = await queries
    .delete(operators)
    .where(and(isOffer, not(isBacked)))
    .returning({ user_id: operators.user_id })
  return rows.length === 0 ? {} : { withdrawn_appointments: rows.map(({ user_id }) => user_id) }
}
